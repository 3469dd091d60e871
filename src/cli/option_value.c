#include "cli/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "capture/eventspec.h"

/* PID_MAX_LIMIT of the kernel, on 64 bits. */
#define ID_MAX (4 * 1024 * 1024)

static void *target(struct options *opt, const struct option_def *def)
{
	return (char *)opt + def->offset;
}

static int refuse(const struct option_def *def, const char *value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(const struct option_def *def, const char *value, const char *fmt, ...)
{
	char want[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	if (def->letter)
		log_error("-%c (--%s) '%s': %s", def->letter, def->name, value, want);
	else
		log_error("--%s '%s': %s", def->name, value, want);
	return -EINVAL;
}

/* Digits to the end or to one of `stops`; false where there are none, or too many. */
static bool scan_u64(const char **s, const char *stops, uint64_t *ret)
{
	const char *p = *s;

	for (*ret = 0; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*ret, 10, ret) ||
		    __builtin_add_overflow(*ret, *p - '0', ret))
			return false;
	if (p == *s || (*p && !strchr(stops, *p)))
		return false;
	*s = p;
	return true;
}

/* "20", "0.5", and with the mark behind it or without. The C library's would ask the locale. */
static bool scan_decimal(const char *s, char mark, double *ret)
{
	double place = 1;
	size_t digits = 0;

	for (*ret = 0; *s >= '0' && *s <= '9'; s++, digits++)
		*ret = *ret * 10 + (*s - '0');
	if (digits && *s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			*ret += (*s - '0') * (place /= 10);
	if (*s == mark)
		s++;
	return digits && digits <= 15 && !*s;
}

int value_flag(struct options *opt, const struct option_def *def, const char *value)
{
	(void)value;
	*(bool *)target(opt, def) = true;
	return 0;
}

static int read_number(const struct option_def *def, const char *value, uint64_t *n_ret)
{
	const char *s = value;

	if (scan_u64(&s, "", n_ret) && *n_ret >= def->min && *n_ret <= def->max)
		return 0;
	if (def->max == INT64_MAX)
		return refuse(def, value, "give a whole number from %" PRIu64, def->min);
	return refuse(def, value, "give a whole number, %" PRIu64 " to %" PRIu64, def->min,
		      def->max);
}

int value_u32(struct options *opt, const struct option_def *def, const char *value)
{
	uint64_t n;
	int err = read_number(def, value, &n);

	if (!err)
		*(uint32_t *)target(opt, def) = (uint32_t)n;
	return err;
}

int value_u64(struct options *opt, const struct option_def *def, const char *value)
{
	uint64_t n;
	int err = read_number(def, value, &n);

	if (!err)
		*(uint64_t *)target(opt, def) = n;
	return err;
}

int value_cpu(struct options *opt, const struct option_def *def, const char *value)
{
	const char *s = value;
	uint64_t n;

	if (!strcmp(value, "-1")) {
		*(int *)target(opt, def) = -1;
		return 0;
	}
	if (!scan_u64(&s, "", &n) || n > def->max)
		return refuse(def, value, "give the number of one CPU, or -1 for all");
	*(int *)target(opt, def) = (int)n;
	return 0;
}

int value_string(struct options *opt, const struct option_def *def, const char *value)
{
	if (!*value && def->complete != COMPLETE_NOTHING)
		return refuse(def, value, "give a path");
	*(const char **)target(opt, def) = value;
	return 0;
}

/* The number of the word among the choices; or -EINVAL, and the words are named. */
static int find_choice(const struct option_def *def, const char *value)
{
	size_t len = strlen(value);
	const char *p = def->choices;

	for (int i = 0; *p; i++) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, value, n))
			return i;
		p += n + (p[n] == ' ');
	}
	return refuse(def, value, "give one of: %s", def->choices);
}

int value_choice(struct options *opt, const struct option_def *def, const char *value)
{
	int choice = find_choice(def, value);

	if (choice < 0)
		return choice;
	*(unsigned *)target(opt, def) = (unsigned)choice;
	return 0;
}

int value_event(struct options *opt, const struct option_def *def, const char *value)
{
	const char *wrong = event_spec_parse(value, &(struct event_spec){0});

	if (wrong) {
		log_error("-e '%s' %s", value, wrong);
		return -EINVAL;
	}
	*(const char **)target(opt, def) = value;
	return 0;
}

int value_span(struct options *opt, const struct option_def *def, const char *value)
{
	char low[TIMESPAN_MAX], high[TIMESPAN_MAX];
	uint64_t ns;

	if (timespan_parse(value, &ns) == -EINVAL)
		return refuse(def, value, "give a time such as 500ms, 1.5s, 2m");
	if (timespan_parse(value, &ns) || ns < def->min || ns > def->max)
		return refuse(def, value, "give %s to %s", timespan_format(low, def->min),
			      timespan_format(high, def->max));
	*(uint64_t *)target(opt, def) = ns;
	return 0;
}

int value_time(struct options *opt, const struct option_def *def, const char *value)
{
	if (!time_point_parse(value, target(opt, def)))
		return 0;
	return refuse(def, value,
		      "give 14:03:27, 2026-11-20T14:03:27Z, unix seconds, or 41.5s or 2m from the "
		      "start");
}

int value_zone(struct options *opt, const struct option_def *def, const char *value)
{
	int offset_s;

	if (zone_offset(value, 0, &offset_s))
		return refuse(def, value,
			      "give UTC, +02:00, or a zone of /usr/share/zoneinfo such as "
			      "Europe/Berlin");
	return value_string(opt, def, value);
}

int value_mark(struct options *opt, const struct option_def *def, const char *value)
{
	const char *bar = strchr(value, '|');
	struct time_point at;
	char time[64];

	if (!bar || !bar[1] || bar - value >= (ptrdiff_t)sizeof(time))
		return refuse(def, value, "give a time, a bar and a text: '14:03:10|deploy v2'");
	snprintf(time, sizeof(time), "%.*s", (int)(bar - value), value);
	if (time_point_parse(time, &at))
		return refuse(def, value,
			      "give the time as 14:03:27, 2026-11-20T14:03:27Z, unix seconds, or "
			      "41.5s or 2m from the start");
	opt->mark = xreallocarray(opt->mark, opt->n_marks + 1, sizeof(*opt->mark));
	opt->mark[opt->n_marks++] = (struct mark_option){at, bar + 1};
	return 0;
}

int value_percent(struct options *opt, const struct option_def *def, const char *value)
{
	double n;

	if (!scan_decimal(value, '%', &n) || n > 100)
		return refuse(def, value, "give a percentage, 0 to 100");
	*(double *)target(opt, def) = n;
	return 0;
}

int value_factor(struct options *opt, const struct option_def *def, const char *value)
{
	double n;

	if (!scan_decimal(value, 'x', &n) || n < 0.01 || n > 1e6)
		return refuse(def, value, "give a factor such as 20x, 0.01 to 1000000");
	*(double *)target(opt, def) = n;
	return 0;
}

int value_size(struct options *opt, const struct option_def *def, const char *value)
{
	static const struct {
		const char *name;
		int width, height;
	} presets[] = {
	    {"720p", 1280, 720}, {"1080p", 1920, 1080},	 {"1440p", 2560, 1440},
	    {"4k", 3840, 2160},	 {"square", 1080, 1080}, {"portrait", 1080, 1920},
	};
	uint64_t width, height;
	const char *s = value;

	for (size_t i = 0; i < ARRAY_SIZE(presets); i++)
		if (!strcmp(value, presets[i].name)) {
			opt->render.width = presets[i].width;
			opt->render.height = presets[i].height;
			return 0;
		}
	if (!scan_u64(&s, "x", &width) || *s++ != 'x' || !scan_u64(&s, "", &height))
		return refuse(def, value, "give WIDTHxHEIGHT, or one of: %s", def->choices);
	if (width < def->min || width > def->max || height < def->min || height > def->max ||
	    width % 2 || height % 2)
		return refuse(def, value,
			      "give an even width and an even height, each %" PRIu64 " to %" PRIu64,
			      def->min, def->max);
	opt->render.width = (int)width;
	opt->render.height = (int)height;
	return 0;
}

int value_ids(struct options *opt, const struct option_def *def, const char *value)
{
	uint32_t **ids = target(opt, def);
	size_t *n_ids = (size_t *)((char *)opt + def->min);
	const char *s = value;
	uint64_t id;

	for (;;) {
		size_t i = 0;

		if (!scan_u64(&s, ",", &id) || !id || id > ID_MAX)
			return refuse(def, value, "give ids with commas between them, each 1 to %d",
				      ID_MAX);
		while (i < *n_ids && (*ids)[i] != id)
			i++;
		if (i == *n_ids) {
			*ids = xreallocarray(*ids, *n_ids + 1, sizeof(**ids));
			(*ids)[(*n_ids)++] = (uint32_t)id;
		}
		if (!*s++)
			return 0;
	}
}

static const char *without_dot_slash(const char *path)
{
	while (path[0] == '.' && path[1] == '/')
		for (path += 2; *path == '/'; path++)
			;
	return path;
}

static int add_output(struct options *opt, const struct option_def *def, enum output_kind kind,
		      const char *path)
{
	for (size_t i = 0; i < opt->n_outputs; i++) {
		if (strcmp(without_dot_slash(opt->outputs[i].path), without_dot_slash(path)))
			continue;
		if (!strcmp(path, "-") && opt->outputs[i].kind == kind)
			return 0;
		if (!strcmp(path, "-"))
			log_error("--%s: stdout is taken already, by another option", def->name);
		else
			log_error("--%s '%s': this output is asked for twice", def->name, path);
		return -EINVAL;
	}
	opt->outputs = xreallocarray(opt->outputs, opt->n_outputs + 1, sizeof(*opt->outputs));
	opt->outputs[opt->n_outputs++] = (struct output){.kind = kind, .path = path};
	return 0;
}

/* A name of many images has one %d or %0Nd, and %% for a percent sign; all else is a trap. */
static int check_pattern(const struct option_def *def, const char *path)
{
	int n_numbers = 0;

	for (const char *p = strchr(path, '%'); p; p = strchr(p, '%')) {
		if (*++p == '%') {
			p++;
			continue;
		}
		if (*p == '0' && p[1] >= '1' && p[1] <= '9')
			p += 2;
		if (*p != 'd' || n_numbers++)
			return refuse(def, path,
				      "give one %%d, or %%01d to %%09d, and no other %% but %%%%");
	}
	if (!n_numbers)
		return refuse(def, path, "images need a number in their name, as in x%%04d.png");
	return 0;
}

int value_output(struct options *opt, const struct option_def *def, const char *value)
{
	const struct extension *ext = extension_find(value);
	int err;

	if (!strcmp(value, "-")) {
		if (opt->command == COMMAND_RENDER)
			return add_output(opt, def, OUTPUT_Y4M, value);
		return refuse(def, value, "stdout takes folded text (-f) or stacks (--stacks)");
	}
	if (ext && !ext->commands)
		return refuse(def, value, "%s is not in this %s; there are: %s", ext->name,
			      RENDER ? "version" : "build", extension_list(opt->command));
	if (!ext || !(ext->commands >> opt->command & 1))
		return refuse(def, value, "the extension says what to write; %s knows: %s",
			      command_table[opt->command].name, extension_list(opt->command));
	if (ext->kind == OUTPUT_PNG) {
		err = check_pattern(def, value);
		if (err)
			return err;
	}
	return add_output(opt, def, ext->kind, value);
}

int value_folded(struct options *opt, const struct option_def *def, const char *value)
{
	(void)value;
	return add_output(opt, def, OUTPUT_FOLDED, "-");
}

int value_stacks(struct options *opt, const struct option_def *def, const char *value)
{
	(void)value;
	return add_output(opt, def, OUTPUT_STACKS, "-");
}

/* -E and -g ask for the same sequence, in either order. */
int value_images(struct options *opt, const struct option_def *def, const char *value)
{
	const struct extension *ext = value ? extension_find(value) : NULL;

	if (!value) {
		if (!opt->image_pattern)
			opt->image_pattern = IMAGE_PATTERN_DEFAULT;
		return 0;
	}
	if (!ext || ext->kind != OUTPUT_PNG)
		return refuse(def, value, "images are PNG files: give a name such as x%%04d.png");
	opt->image_pattern = value;
	return check_pattern(def, value);
}

int value_finish(struct options *opt)
{
	const struct option_def *def = option_by_letter('g');

	return opt->image_pattern ? add_output(opt, def, OUTPUT_PNG, opt->image_pattern) : 0;
}
