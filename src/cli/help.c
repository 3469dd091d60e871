#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/option_table.h"

#define COLUMNS 80
#define INDENT	27

/* Prints text from column `at` on, broken at spaces, its further lines indented. */
static void print_wrapped(const char *text, int at)
{
	for (bool first = true; *text; first = false) {
		size_t len = strcspn(text, " ");

		if (!first && at + 1 + (int)len > COLUMNS)
			at = printf("\n%*s", INDENT, "") - 1;
		else if (!first)
			at += printf(" ");
		at += printf("%.*s", (int)len, text);
		text += len + (text[len] == ' ');
	}
	putchar('\n');
}

/* "  -F, --frequency HZ      ", and whose it is where that is not plain. */
static void print_option(const struct option_def *def, bool whose)
{
	char head[64];
	int n, at = INDENT;

	if (def->letter)
		n = snprintf(head, sizeof(head), "  -%c, --%s", def->letter, def->name);
	else
		n = snprintf(head, sizeof(head), "      --%s", def->name);
	if (def->arg)
		n += snprintf(head + n, sizeof(head) - n, " %s", def->arg);
	if (n + 2 > INDENT)
		printf("%s\n%*s", head, INDENT, "");
	else
		printf("%-*s", INDENT, head);
	for (int c = 0; whose && c < N_COMMANDS; c++)
		if (option_is_for(def, c))
			at += printf("[%s] ", command_table[c].name);
	print_wrapped(def->help, at);
}

/* Those of one command; or of all, for N_COMMANDS. */
static void print_options(enum command command)
{
	bool all = command == N_COMMANDS;

	for (int group = 0; group < N_GROUPS; group++) {
		bool any = false;

		for (size_t i = 0; i < n_options; i++) {
			const struct option_def *def = &option_table[i];

			if ((int)def->group != group || !def->commands ||
			    (!all && !option_is_for(def, command)))
				continue;
			if (!any)
				printf("\n%s:\n", option_group_titles[group]);
			any = true;
			print_option(def, all && !option_is_for(def, COMMAND_RECORD));
		}
	}
}

static void print_command_list(void)
{
	for (int c = 0; c < N_COMMANDS; c++)
		if (RENDER || c != COMMAND_RENDER)
			printf("  %-8s %s\n", command_table[c].name, command_table[c].help);
}

static void print_examples(void)
{
	puts("\nExamples:\n"
	     "  flamelapse 30                      30 s of the whole machine, then its film\n"
	     "  flamelapse -p 1234 -o slow.flame   one process until Ctrl-C; no film\n"
	     "  flamelapse -F 199 -- make -j4      a command and all that it starts\n"
	     "  flamelapse -f 10 > stacks.folded   folded stacks, as profile(8) prints them"
#if RENDER
	     "\n"
	     "  flamelapse render x.flame -o x.mp4 --from 14:03 --to 14:05 --speed 10x"
#endif
	);
}

static void print_whole(void)
{
	puts("flamelapse samples the stacks of this machine and makes a film of flame graphs.\n");
	printf("Usage: flamelapse [record] %s\n", command_table[COMMAND_RECORD].usage);
	puts("       flamelapse COMMAND [OPTION...]\n\nCommands:");
	print_command_list();
	print_examples();
	print_options(N_COMMANDS);
	puts("\n'flamelapse help COMMAND' lists one command's options; see also flamelapse(1).");
}

void help_print(enum command topic)
{
	if (topic == N_COMMANDS) {
		print_whole();
		return;
	}
	printf(topic == COMMAND_RECORD ? "Usage: flamelapse [%s] %s\n"
				       : "Usage: flamelapse %s %s\n",
	       command_table[topic].name, command_table[topic].usage);
	printf("\n%s\n", command_table[topic].help);
	print_options(topic);
}

void help_print_version(void)
{
	puts("flamelapse " VERSION);
}

/* Escapes what scdoc would take for its own. */
static void print_scdoc_text(const char *text)
{
	for (; *text; text++) {
		if (strchr("_*\\#~+", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void print_scdoc_option(const struct option_def *def)
{
	if (def->letter)
		printf("*-%c*, ", def->letter);
	printf("*--%s*", def->name);
	if (def->arg) {
		fputs(" _", stdout);
		print_scdoc_text(def->arg);
		putchar('_');
	}
	fputs("\n\t", stdout);
	print_scdoc_text(def->help);
	puts(".\n");
}

void help_print_scdoc(void)
{
	for (int group = 0; group < N_GROUPS; group++) {
		printf("## %s\n\n", option_group_titles[group]);
		for (size_t i = 0; i < n_options; i++)
			if ((int)option_table[i].group == group && option_table[i].commands)
				print_scdoc_option(&option_table[i]);
	}
}
