/* Prints what tests/gen.h makes. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tests/gen.h"

static const char help[] =
    "Usage: gen_folded [options]\n"
    "Prints folded text with time headers of a machine that never was; the same options give the\n"
    "same bytes on every machine.\n"
    "  --seed N          of the random generator (1)\n"
    "  --snapshots N     (60)\n"
    "  --interval-ms N   length of a snapshot (1000)\n"
    "  --start S         unix time of the first, in seconds (1763647407)\n"
    "  --stacks N        distinct stacks to draw from (1500)\n"
    "  --depth N         greatest depth, in frames below the process (60)\n"
    "  --name-bytes N    mean length of a name (48)\n"
    "  --processes N     (8)\n"
    "  --cpus N          of the machine (8)\n"
    "  --busy N          CPUs at work, on which samples are taken (as --cpus)\n"
    "  --freq HZ         samples a second and CPU (99)\n"
    "  --kernel PERCENT  of the stacks end in kernel code, marked _[k] (25)\n"
    "  --noise           nothing changes but the noise of sampling\n"
    "  --grow K          function_that_grows appears in snapshot K, counted from 0, and grows\n"
    "  --grow-percent P  to this share of all samples in the last one (50)\n"
    "  --churn N         N new processes a snapshot, each lives for two; they get 30 % of samples\n"
    "  --java            stacks near the greatest depth, which is then 150, names marked _[j]\n"
    "  --every-stack     every stack has a sample more in every snapshot\n"
    "Stress: --java; --name-bytes 300; --cpus 64 --busy 2; --churn 200; --stacks 20000 --depth "
    "500\n";

static uint64_t number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < min || v > max) {
		fprintf(stderr, "gen_folded: --%s takes a number from %llu to %llu\n", name,
			(unsigned long long)min, (unsigned long long)max);
		exit(2);
	}
	return v;
}

static const struct option options[] = {
    {"seed", 1, NULL, 's'},	    {"snapshots", 1, NULL, 'n'},
    {"interval-ms", 1, NULL, 'i'},  {"start", 1, NULL, 't'},
    {"stacks", 1, NULL, 'S'},	    {"depth", 1, NULL, 'd'},
    {"name-bytes", 1, NULL, 'l'},   {"processes", 1, NULL, 'p'},
    {"cpus", 1, NULL, 'c'},	    {"busy", 1, NULL, 'b'},
    {"freq", 1, NULL, 'F'},	    {"kernel", 1, NULL, 'k'},
    {"noise", 0, NULL, 'N'},	    {"grow", 1, NULL, 'g'},
    {"grow-percent", 1, NULL, 'G'}, {"churn", 1, NULL, 'C'},
    {"java", 0, NULL, 'j'},	    {"every-stack", 0, NULL, 'e'},
    {"help", 0, NULL, 'h'},	    {0},
};

static void parse(int argc, char **argv, struct gen_options *o)
{
	int c, at;
	bool has_depth = false, has_busy = false;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
#define NUMBER(min, max) number(options[at].name, optarg, min, max)
		switch (c) {
		case 's':
			o->seed = NUMBER(0, UINT64_MAX);
			break;
		case 'n':
			o->snapshots = NUMBER(1, 10000000);
			break;
		case 'i':
			o->interval_ms = NUMBER(1, 3600000);
			break;
		case 't':
			o->start_s = NUMBER(0, 10000000000);
			break;
		case 'S':
			o->stacks = NUMBER(1, 10000000);
			break;
		case 'd':
			o->depth = NUMBER(2, 100000);
			has_depth = true;
			break;
		case 'l':
			o->name_bytes = NUMBER(1, 100000);
			break;
		case 'p':
			o->processes = NUMBER(1, 1000000);
			break;
		case 'c':
			o->cpus = NUMBER(1, 65536);
			break;
		case 'b':
			o->busy_cpus = NUMBER(0, 65536);
			has_busy = true;
			break;
		case 'F':
			o->freq_hz = NUMBER(1, 1000000);
			break;
		case 'k':
			o->kernel_percent = NUMBER(0, 100);
			break;
		case 'N':
			o->noise = true;
			break;
		case 'g':
			o->grow_from = NUMBER(0, 10000000);
			break;
		case 'G':
			o->grow_percent = NUMBER(0, 100);
			break;
		case 'C':
			o->churn = NUMBER(0, 1000000);
			break;
		case 'j':
			o->java = true;
			break;
		case 'e':
			o->every_stack = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(2);
		}
#undef NUMBER
	}
	if (optind < argc) {
		fprintf(stderr, "gen_folded: '%s' is no option; see --help\n", argv[optind]);
		exit(2);
	}
	if (o->java && !has_depth)
		o->depth = 150;
	if (!has_busy)
		o->busy_cpus = o->cpus;
}

int main(int argc, char **argv)
{
	struct gen_options opt = GEN_DEFAULTS;
	struct strbuf out = {0};
	struct gen g;
	int err;

	parse(argc, argv, &opt);
	gen_init(&g, &opt);
	gen_header(&g, &out);
	for (uint32_t t = 0; t < opt.snapshots; t++) {
		gen_snapshot(&g, &out, t);
		fwrite(out.data, 1, out.len, stdout);
		strbuf_clear(&out);
	}
	gen_deinit(&g);
	strbuf_deinit(&out);
	err = ferror(stdout) | fclose(stdout);
	return err ? 1 : 0;
}
