#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"

/*
 * A file that is opened while 0, 1 or 2 is closed would get that number, and be written to by
 * whatever prints. What is opened in place of stdout takes nothing, so that data do not vanish
 * without a word.
 */
static void open_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) != fd)
			_exit(EXIT_FAILED);
}

static void ignore(int signal)
{
	(void)signal;
}

/*
 * Who writes to a closed pipe, or beyond RLIMIT_FSIZE, shall see EPIPE or EFBIG and finish the
 * other outputs. By a handler, not by SIG_IGN, which a COMMAND would inherit.
 */
static void catch_signals_of_writing(void)
{
	struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};

	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
}

static int flush_stdout(int status)
{
	int err;

	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	err = errno ? errno : EIO;
	if (err == EPIPE)
		return status;
	log_error("cannot write to stdout: %s", strerror(err));
	return status ? status : (int)exit_status(-err);
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* What only the machine can tell about the files on the command line. */
static int check_files(const struct options *opt)
{
	for (size_t j = 0; j < opt->n_outputs; j++) {
		const struct output *out = &opt->outputs[j];

		for (size_t i = 0; i < opt->n_inputs; i++) {
			if (!is_same_file(opt->inputs[i], out->path))
				continue;
			log_error("'%s' and '%s' are one file; give the output another name",
				  opt->inputs[i], out->path);
			return EXIT_USAGE;
		}
		if (out->kind == OUTPUT_Y4M && !strcmp(out->path, "-") && isatty(STDOUT_FILENO)) {
			log_error("a film does not go to a terminal; use -o FILE, or a pipe");
			return EXIT_USAGE;
		}
	}
	return 0;
}

static int run(const struct options *opt)
{
	switch (opt->command) {
	case COMMAND_RECORD:
		return cmd_record(opt);
	case COMMAND_EVENTS:
		return cmd_events(opt);
#if RENDER
	case COMMAND_RENDER:
		return cmd_render(opt);
#endif
	case COMMAND_INFO:
		return cmd_info(opt);
	case COMMAND_SYMBOLIZE:
		return cmd_symbolize(opt);
	case COMMAND_DOCTOR:
		return cmd_doctor(opt);
	case COMMAND_HELP:
		help_print(opt->topic);
		return EXIT_OK;
	default:
		help_print_version();
		return EXIT_OK;
	}
}

/* For the build, which makes the man page and the completions: --print-scdoc, --print-bash … */
static bool print_for_build(const char *what)
{
	if (!strcmp(what, "--print-scdoc"))
		help_print_scdoc();
	else if (!strcmp(what, "--print-bash"))
		complete_print_bash();
	else if (!strcmp(what, "--print-zsh"))
		complete_print_zsh();
	else if (!strcmp(what, "--print-fish"))
		complete_print_fish();
	else if (!strcmp(what, "--print-options"))
		complete_print_table();
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options opt;
	int status;

	open_standard_files();
	catch_signals_of_writing();
	if (argc == 2 && print_for_build(argv[1]))
		return flush_stdout(EXIT_OK);
	status = options_parse(&opt, argc, argv);
	if (!status)
		status = check_files(&opt);
	log_set_quiet(opt.quiet);
	if (!status)
		status = run(&opt);
	options_deinit(&opt);
	return flush_stdout(status);
}
