#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "cli/option_table.h"

static bool is_there(int command)
{
	return RENDER || command != COMMAND_RENDER;
}

static void print_command_names(const char *between)
{
	const char *before = "";

	for (int c = 0; c < N_COMMANDS; c++)
		if (is_there(c)) {
			printf("%s%s", before, command_table[c].name);
			before = between;
		}
}

/* Within single quotes, where fish takes a backslash for what it is and the others do not. */
static void print_quoted(const char *text, size_t len, const char *escape)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'' && !strchr(escape, '\''))
			fputs("'\\'", stdout);
		else if (strchr(escape, text[i]))
			putchar('\\');
		putchar(text[i]);
	}
}

/* Zsh's _arguments has a use for brackets and colons. */
#define ZSH_ESCAPE  "[]:\\"
#define FISH_ESCAPE "'\\"

/* The help up to its first detail. */
static void print_short(const char *help, const char *escape)
{
	size_t len = strcspn(help, ";:(");

	while (len && help[len - 1] == ' ')
		len--;
	print_quoted(help, len, escape);
}

/* bash: what may follow an option that takes a value. */
static void print_bash_values(void)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option_def *def = &option_table[i];

		if (!def->arg || !def->commands)
			continue;
		fputs("\t", stdout);
		if (def->letter)
			printf("-%c | ", def->letter);
		printf("--%s) ", def->name);
		if (def->complete == COMPLETE_CHOICES)
			printf("mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")",
			       def->choices);
		else if (def->complete == COMPLETE_FILE)
			fputs("_flamelapse_files -f", stdout);
		else if (def->complete == COMPLETE_FOLDER)
			fputs("_flamelapse_files -d", stdout);
		else
			fputs(":", stdout);
		puts("; return ;;");
	}
}

static void print_bash_options(int command)
{
	printf("\t%s) words='", command_table[command].name);
	for (size_t i = 0; i < n_options; i++) {
		const struct option_def *def = &option_table[i];

		if (!option_is_for(def, command))
			continue;
		if (def->letter)
			printf("-%c ", def->letter);
		printf("--%s ", def->name);
	}
	puts("' ;;");
}

void complete_print_bash(void)
{
	fputs("# bash completion of flamelapse, made from its option table\n"
	      "_flamelapse_files()\n"
	      "{\n"
	      "\tcompopt -o filenames 2> /dev/null\n"
	      "\tmapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
	      "}\n\n"
	      "_flamelapse()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal command=record words= i\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\t[[ ${COMP_WORDS[i]} == -- ]] || continue\n"
	      "\t\tif ((i + 1 == COMP_CWORD)); then\n"
	      "\t\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
	      "\t\telse\n"
	      "\t\t\t_flamelapse_files -f\n"
	      "\t\tfi\n"
	      "\t\treturn\n"
	      "\tdone\n"
	      "\tif ((COMP_CWORD > 1)); then\n"
	      "\t\tcase ${COMP_WORDS[1]} in ",
	      stdout);
	print_command_names(" | ");
	fputs(") command=${COMP_WORDS[1]} ;; esac\n"
	      "\tfi\n"
	      "\tcase $prev in\n",
	      stdout);
	print_bash_values();
	puts("\tesac\n\tcase $command in");
	for (int c = 0; c < N_COMMANDS; c++)
		if (is_there(c))
			print_bash_options(c);
	fputs("\tesac\n"
	      "\tif [[ $cur != -* ]]; then\n"
	      "\t\twords=\n"
	      "\t\tif ((COMP_CWORD == 1)) || [[ $command == help ]]; then words='",
	      stdout);
	print_command_names(" ");
	fputs("'; fi\n\t\tcase $command in ", stdout);
	for (int c = 0, n = 0; c < N_COMMANDS; c++)
		if (command_table[c].takes_files && is_there(c))
			printf("%s%s", n++ ? " | " : "", command_table[c].name);
	puts(") _flamelapse_files -f; return ;; esac\n"
	     "\tfi\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	     "}\n"
	     "complete -F _flamelapse flamelapse");
}

static void print_zsh_option(const struct option_def *def)
{
	const char *mark = def->arg ? "=" : "", *repeat = !strcmp(def->name, "output") ? "*" : "";

	fputs("\t\t\t", stdout);
	if (def->letter && *repeat)
		printf("'*'{-%c%s,--%s%s}'[", def->letter, def->arg ? "+" : "", def->name, mark);
	else if (def->letter)
		printf("'(-%c --%s)'{-%c%s,--%s%s}'[", def->letter, def->name, def->letter,
		       def->arg ? "+" : "", def->name, mark);
	else
		printf("'--%s%s[", def->name, mark);
	print_short(def->help, ZSH_ESCAPE);
	putchar(']');
	if (def->arg)
		printf(":%s:", def->arg);
	if (def->arg && def->complete == COMPLETE_CHOICES)
		printf("(%s)", def->choices);
	else if (def->arg && def->complete == COMPLETE_FILE)
		fputs("_files", stdout);
	else if (def->arg && def->complete == COMPLETE_FOLDER)
		fputs("_files -/", stdout);
	else if (def->arg)
		putchar(' ');
	puts("' \\");
}

static void print_zsh_command(int command)
{
	printf("\t%s)\n\t\t_arguments -s -S \\\n", command_table[command].name);
	for (size_t i = 0; i < n_options; i++)
		if (option_is_for(&option_table[i], command))
			print_zsh_option(&option_table[i]);
	if (command_table[command].takes_files)
		puts("\t\t\t'*:input:_files'");
	else if (command == COMMAND_RECORD || command == COMMAND_EVENTS)
		puts("\t\t\t'1: :_flamelapse_first' '*:: :_normal'");
	else if (command == COMMAND_HELP)
		puts("\t\t\t'1: :_flamelapse_first'");
	else
		puts("\t\t\t&& return");
	puts("\t\t;;");
}

void complete_print_zsh(void)
{
	puts("#compdef flamelapse\n"
	     "# zsh completion of flamelapse, made from its option table\n"
	     "_flamelapse_first() {\n"
	     "\tlocal -a commands=(");
	for (int c = 0; c < N_COMMANDS; c++)
		if (is_there(c)) {
			printf("\t\t'%s:", command_table[c].name);
			print_quoted(command_table[c].help, strlen(command_table[c].help),
				     ZSH_ESCAPE);
			puts("'");
		}
	fputs("\t)\n"
	      "\t_describe command commands\n"
	      "}\n\n"
	      "_flamelapse() {\n"
	      "\tlocal command=record\n"
	      "\tif (( CURRENT > 2 )); then\n"
	      "\t\tcase $words[2] in\n"
	      "\t\t(",
	      stdout);
	print_command_names("|");
	puts(")\n"
	     "\t\t\tcommand=$words[2]\n"
	     "\t\t\tshift words\n"
	     "\t\t\t(( CURRENT-- ))\n"
	     "\t\t\t;;\n"
	     "\t\tesac\n"
	     "\tfi\n"
	     "\tcase $command in");
	for (int c = 0; c < N_COMMANDS; c++)
		if (is_there(c))
			print_zsh_command(c);
	puts("\tesac\n"
	     "}\n\n"
	     "_flamelapse \"$@\"");
}

static void print_fish_option(const struct option_def *def, int command)
{
	printf("complete -c flamelapse -n '__flamelapse_is %s'", command_table[command].name);
	if (def->letter)
		printf(" -s %c", def->letter);
	printf(" -l %s", def->name);
	if (def->arg && def->complete == COMPLETE_FILE)
		fputs(" -r -F", stdout);
	else if (def->arg && def->complete == COMPLETE_FOLDER)
		fputs(" -x -a '(__fish_complete_directories)'", stdout);
	else if (def->arg && def->complete == COMPLETE_CHOICES)
		printf(" -x -a '%s'", def->choices);
	else if (def->arg)
		fputs(" -x", stdout);
	fputs(" -d '", stdout);
	print_short(def->help, FISH_ESCAPE);
	puts("'");
}

void complete_print_fish(void)
{
	fputs("# fish completion of flamelapse, made from its option table\n"
	      "function __flamelapse_is\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tset -l command record\n"
	      "\tif test (count $words) -gt 1; and contains -- $words[2] ",
	      stdout);
	print_command_names(" ");
	puts("\n\t\tset command $words[2]\n"
	     "\tend\n"
	     "\tcontains -- -- $words; and return 1\n"
	     "\tcontains -- $command $argv\n"
	     "end\n\n"
	     "complete -c flamelapse -n 'not __flamelapse_is render info' -f");
	for (int c = 0; c < N_COMMANDS; c++)
		if (is_there(c)) {
			printf("complete -c flamelapse -n __fish_use_subcommand -a %s -d '",
			       command_table[c].name);
			print_quoted(command_table[c].help, strlen(command_table[c].help),
				     FISH_ESCAPE);
			puts("'");
		}
	fputs("complete -c flamelapse -n '__flamelapse_is help' -a '", stdout);
	print_command_names(" ");
	puts("'");
	for (int c = 0; c < N_COMMANDS; c++)
		for (size_t i = 0; i < n_options; i++)
			if (is_there(c) && option_is_for(&option_table[i], c))
				print_fish_option(&option_table[i], c);
}

void complete_print_table(void)
{
	for (int c = 0; c < N_COMMANDS; c++) {
		if (!is_there(c))
			continue;
		printf("command\t%s\t\t\n", command_table[c].name);
		for (size_t i = 0; i < n_options; i++) {
			const struct option_def *def = &option_table[i];
			char letter[3] = {'-', def->letter};

			if (option_is_for(def, c))
				printf("%s\t--%s\t%s\t%s\n", command_table[c].name, def->name,
				       letter, def->arg ? def->arg : "-");
		}
	}
}
