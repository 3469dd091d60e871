#include "profile/grouping.h"

void grouping_add_without_numbers(struct strbuf *out, const char *name)
{
	bool number = false;

	for (const char *p = name; *p; p++) {
		bool digit = *p >= '0' && *p <= '9';

		if (!digit)
			strbuf_addc(out, *p);
		else if (!number)
			strbuf_addc(out, 'N');
		number = digit;
	}
}

void grouping_add_name(const struct dict *d, const struct process *p, enum grouping by,
		       struct strbuf *out)
{
	const char *comm = dict_text(d, p->comm), *cgroup = dict_text(d, p->cgroup);

	switch (by) {
	case BY_PROCESS:
		strbuf_adds(out, comm);
		break;
	case BY_PID:
		strbuf_addf(out, "%s (%u)", comm, p->pid);
		break;
	case BY_THREAD:
		grouping_add_without_numbers(out, p->tid ? dict_text(d, p->thread) : comm);
		break;
	case BY_CPU:
		if (p->cpu)
			strbuf_addf(out, "CPU %u", p->cpu - 1);
		else
			strbuf_adds(out, "[all CPUs]");
		break;
	case BY_CGROUP:
		strbuf_adds(out, *cgroup ? cgroup : "[cgroup unknown]");
		break;
	}
}
