#ifndef BASE_EXIT_H
#define BASE_EXIT_H

#include <errno.h>

/*
 * What the program ends with. A caller may rely on these numbers: they stand in the man page.
 */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,      /* anything else, a missing file and an unwritable output too */
	EXIT_USAGE = 2,	      /* the command line asks for what does not exist */
	EXIT_DAMAGED = 3,     /* an input is damaged, foreign or empty, or has a bad line */
	EXIT_UNPERMITTED = 4, /* sampling: no permission, or the kernel cannot do it */
	EXIT_NO_SPACE = 5,    /* the disk, or the quota, is full */
	EXIT_LOSS = 6,	      /* more samples were lost than --max-loss allows */
	EXIT_NOTHING = 7,     /* nothing was sampled: a good recording without samples */
};

/*
 * The status for a negative errno of everything but sampling. -EPIPE is no failure: whoever read
 * our stdout has seen enough.
 */
static inline enum exit_status exit_status(int err)
{
	switch (-err) {
	case 0:
	case EPIPE:
		return EXIT_OK;
	case EBADMSG:
	case EMEDIUMTYPE: /* of an input: it is something else */
	case ENODATA:	  /* of an input: there is nothing in it */
		return EXIT_DAMAGED;
	case ENOMSG: /* a good recording without samples */
		return EXIT_NOTHING;
	case ENOSPC:
	case EDQUOT:
		return EXIT_NO_SPACE;
	default:
		return EXIT_FAILED;
	}
}

/* The status for a negative errno with which the kernel, or our lack of rights, refused to sample.
 */
static inline enum exit_status exit_status_sampling(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
	case ENOSYS:
	case EOPNOTSUPP:
		return EXIT_UNPERMITTED;
	default:
		return exit_status(err);
	}
}

#endif
