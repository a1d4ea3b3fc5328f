"""The verb `completion`: what a shell needs to complete the command, written from the verbs."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator

from tachlog.cli.calling import Caller
from tachlog.cli.parser import Option, Verb
from tachlog.cli.verbs import VERBS


def completion(options: Namespace, caller: Caller) -> int:
    """Print the script for a shell."""
    script = "\n".join(SCRIPTS[options.shell]()) + "\n"
    caller.out.write(json.dumps({"script": script}) + "\n" if options.json else script)
    return 0


def _bash() -> Iterator[str]:
    """A function for bash: verbs first, then a verb's flags, their choices, else files."""
    yield "# Completion of tachlog for bash, made by `tachlog completion bash`."
    yield "_tachlog() {"
    yield '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=""'
    yield "  COMPREPLY=()"
    yield "  if [ $COMP_CWORD -eq 1 ]; then"
    yield f'    words="{" ".join(verb.name for verb in VERBS if verb.name)} --version --help"'
    yield "  else"
    yield '    case "${COMP_WORDS[1]} $before" in'
    for verb in VERBS:
        for option in verb.options:
            if option.choices and option.is_flag:
                yield f'      "{verb.name} {option.name}") words="{" ".join(option.choices)}" ;;'
            elif option.metavar:
                yield f'      "{verb.name} {option.name}") ;;'
    yield '      *) case "${COMP_WORDS[1]}" in'
    for verb in VERBS:
        if verb.name:
            yield f'        {verb.name}) words="{" ".join(_words(verb))}" ;;'
    yield "      esac ;;"
    yield "    esac"
    yield "  fi"
    yield '  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield "}"
    yield "complete -o bashdefault -o default -F _tachlog tachlog"


def _zsh() -> Iterator[str]:
    """The same for zsh, which understands it."""
    yield "#compdef tachlog"
    yield "autoload -U +X compinit bashcompinit && compinit -u && bashcompinit"
    yield from _bash()


def _fish() -> Iterator[str]:
    """Rules for fish, which shows what each word means."""
    yield "# Completion of tachlog for fish, made by `tachlog completion fish`."
    for name, meaning in ((verb.name, verb.meaning) for verb in VERBS if verb.name):
        yield f"complete -c tachlog -f -n __fish_use_subcommand -a {name} -d {_quoted(meaning)}"
    for verb in VERBS:
        when = "__fish_use_subcommand"
        if verb.name:
            when = f"'__fish_seen_subcommand_from {verb.name}'"
        for option in verb.options:
            yield from _fish_rule(when, option)


def _fish_rule(when: str, option: Option) -> Iterator[str]:
    choices = f" -a {_quoted(' '.join(option.choices))}" if option.choices else ""
    meaning = f" -d {_quoted(option.meaning)}"
    if option.is_flag:
        takes = (" -x" if option.choices else " -r") if option.metavar else ""
        yield f"complete -c tachlog -n {when} -l {option.name[2:]}{takes}{choices}{meaning}"
    elif choices:
        yield f"complete -c tachlog -f -n {when}{choices}{meaning}"


def _words(verb: Verb) -> Iterator[str]:
    """What may stand anywhere behind a verb: its flags, and the choices of its places."""
    for option in verb.options:
        yield from (option.name,) if option.is_flag else option.choices
    yield "--help"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
"""How each shell's script is written."""
