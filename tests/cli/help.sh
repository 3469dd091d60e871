#!/bin/sh
# Help, version, man page, completions, and what holds for every command.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/cli/lib"
docs=$O/doc
tab=$(printf '\t')
"$FLAMELAPSE" --print-options > table
grep "^command$tab" table | cut -f 2 > commands
grep -v "^command$tab" table > options

check "there is a table" test "$(wc -l < options)" -gt 30
check "version" test "$("$FLAMELAPSE" version)" = "flamelapse $(cat "$root/VERSION")"
check "--version" test "$("$FLAMELAPSE" --version)" = "flamelapse $(cat "$root/VERSION")"

"$FLAMELAPSE" --help > whole 2> err
judge $? "--help"
check "it prints no errors" test ! -s err
check "and fits 80 columns" sh -c "! grep -qE '^.{81}' whole"
check "and leaves no blanks at line ends" sh -c "! grep -q ' $' whole"
missing=
while IFS=$tab read -r command name letter arg; do
	letter=${letter#-}
	letter=${letter:+-$letter} arg=${arg#-}
	grep -qE -e "(^|, | )$name( |\$)" whole || missing="$missing $name"
	[ -z "$letter" ] || grep -qE "^  $letter, $name( |\$)" whole || missing="$missing $letter"
	[ -z "$arg" ] || grep -qF -e "$name $arg" whole || missing="$missing $name $arg"
	"$FLAMELAPSE" help "$command" > one || missing="$missing help $command"
	[ "$command" = help ] || "$FLAMELAPSE" "$command" --help | cmp -s - one ||
		missing="$missing $command --help"
	grep -qE -e "^ +(-., )?$name( |\$)" one || missing="$missing $command $name"
done < options
check "it lists every option, for each command too:${missing:- none missing}" test -z "$missing"
missing=
while read -r command; do
	grep -q "^  $command " whole || missing="$missing $command"
done < commands
check "and every command:${missing:- none missing}" test -z "$missing"

# The man page, as it is shown.
if [ -e "$docs/flamelapse.1" ]; then
	sed -e 's/\\f[BIRP]//g' -e 's/\\-/-/g' -e 's/\\&//g' -e 's/\\//g' "$docs/flamelapse.1" > man
	missing=
	while IFS=$tab read -r command name letter arg; do
		letter=${letter#-}
		letter=${letter:+-$letter} arg=${arg#-}
		grep -q -e "^${letter:+$letter, }$name${arg:+ $arg}\$" man || missing="$missing $name"
	done < options
	while read -r command; do
		grep -q "^flamelapse \[*$command" man || missing="$missing $command"
	done < commands
	check "the man page has all of it:${missing:- none missing}" test -z "$missing"
	check "it has the version" grep -q "flamelapse $(cat "$root/VERSION")" man
	missing=
	for status in 0 1 2 3 4 5 6 7; do
		grep -q "^$status\$" man || missing="$missing $status"
	done
	check "and every exit status:${missing:- none missing}" test -z "$missing"
else
	check "the man page # skip no scdoc" true
fi

# Completions: every option of every command.
missing=
while IFS=$tab read -r command name letter arg; do
	letter=${letter#-}
	letter=${letter:+-$letter}
	line=$(grep "^	$command) words='" "$docs/flamelapse.bash")
	case "$line" in *[\'\ ]"$name "*) ;; *) missing="$missing bash:$command:$name" ;; esac
	[ -z "$letter" ] || case "$line" in
	*[\'\ ]"$letter "*) ;;
	*) missing="$missing bash:$command:$letter" ;;
	esac
	sed -n "/^	$command)\$/,/;;\$/p" "$docs/_flamelapse" > zsh
	grep -qE -e "(^|[{,' ])$name[]=}' []" zsh || missing="$missing zsh:$command:$name"
	[ -z "$letter" ] || grep -qE -e "\{$letter[+,]" zsh || missing="$missing zsh:$command:$letter"
	grep -qE -e "is $command'( -s .)? -l ${name#--}( |\$)" "$docs/flamelapse.fish" ||
		missing="$missing fish:$command:$name"
	[ -z "$letter" ] || grep -q "is $command' -s ${letter#-} -l ${name#--}" \
		"$docs/flamelapse.fish" || missing="$missing fish:$command:$letter"
done < options
check "the completions have every option:${missing:- none missing}" test -z "$missing"
missing=
while read -r command; do
	grep -q "[ |]$command[ |)]" "$docs/flamelapse.bash" || missing="$missing bash:$command"
	grep -q "'$command:" "$docs/_flamelapse" || missing="$missing zsh:$command"
	grep -q -e "-a $command -d" "$docs/flamelapse.fish" || missing="$missing fish:$command"
done < commands
check "and every command:${missing:- none missing}" test -z "$missing"

# bash completes.
if command -v bash > /dev/null; then
	touch run.flame
	cat > complete.bash <<-'END'
		source "$1"
		shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_flamelapse
		printf '%s ' "${COMPREPLY[@]}"
	END
	complete() { bash complete.bash "$docs/flamelapse.bash" flamelapse "$@"; }
	check "bash: a command" test "$(complete inf)" = "info "
	check "bash: an option" test "$(complete --freq)" = "--frequency "
	check "bash: an option of the command" test "$(complete info --js)" = "--json "
	check "bash: not another's" test "$(complete info --freq)" = " "
	check "bash: a choice" test "$(complete -e cy)" = "cycles "
	check "bash: a file" test "$(complete info ru)" = "run.flame "
	check "bash: a program" sh -c 'case "$1" in *"sleep "*) ;; *) false ;; esac' - \
		"$(complete 5 -- slee)"
fi
for shell in zsh fish; do
	file=$docs/flamelapse.fish
	[ $shell = fish ] || file=$docs/_flamelapse
	if command -v $shell > /dev/null; then
		check "$shell reads its completion" $shell -n "$file"
	else
		check "$shell reads its completion # skip no $shell" true
	fi
done
done_testing
