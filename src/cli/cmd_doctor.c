#include <stdio.h>

#include "base/exit.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/doctor.h"

static void print_text(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->finding[i];

		printf("%s  %s: %s", f->ok ? "ok" : "!!", f->name, f->found ? f->found : "?");
		if (f->advice)
			printf("; %s", f->advice);
		putchar('\n');
	}
	puts(doctor_permits_recording(d) ? "\nThis machine can be recorded."
					 : "\nThis machine cannot be recorded, see !! above.");
}

static void add_member(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, ", \"%s\": ", name);
	if (value)
		strbuf_add_json(out, value);
	else
		strbuf_adds(out, "null");
}

static void print_json(const struct doctor *d)
{
	struct strbuf out = {0};

	strbuf_addf(&out, "{\"recording\": %s, \"checks\": [",
		    doctor_permits_recording(d) ? "true" : "false");
	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->finding[i];

		strbuf_adds(&out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
		strbuf_add_json(&out, f->name);
		strbuf_addf(&out, ", \"ok\": %s, \"needed\": %s", f->ok ? "true" : "false",
			    f->needed ? "true" : "false");
		add_member(&out, "found", f->found);
		add_member(&out, "advice", f->advice);
		strbuf_addc(&out, '}');
	}
	strbuf_adds(&out, "\n]}\n");
	fputs(strbuf_str(&out), stdout);
	strbuf_deinit(&out);
}

int cmd_doctor(const struct options *opt)
{
	struct doctor doctor;
	int status;

	doctor_examine(&doctor);
	if (opt->json)
		print_json(&doctor);
	else
		print_text(&doctor);
	status = doctor_permits_recording(&doctor) ? EXIT_OK : EXIT_UNPERMITTED;
	doctor_deinit(&doctor);
	return status;
}
