"""Reads one command of a command line: what it runs, and which exit codes of its mean "no".

The command is a list of words as they stand in the line, quotes included. What programs mean is
`data/commands.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from tachlog import data
from tachlog.model import Outcome
from tachlog.verdicts import codes_mask

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^]]*\])?\+?=|\$[\w:]+\+?=")
_SUBCOMMAND = re.compile(r"[A-Za-z][\w.:@+-]*\Z")
_PROGRAM = re.compile(r"[\w~%@+$.][\w.%@+~ -]*\Z")
_NAMED_BY_MARKS = frozenset({".", ":", "[", "[["})
_VERSIONED_PYTHON = re.compile(r"py(?:thon(?:\d(?:\.\d+)?)?t?)?\Z")
_NAME_PARTS = re.compile(r"[:._/-]")
_LITERAL = frozenset("'\"@$[(")  # how a PowerShell value begins that is no command
_NO_OPTIONS = frozenset[str]()
_WORDLESS = frozenset({"test", "[", "[["})
_MOST_TARGETS = 6  # words after make and the like that are looked at


class Command(NamedTuple):
    """One command of a line; `speaks` when it may print, `setup` when it only sets the stage."""

    names: tuple[str, ...]
    no_kind: Outcome | None = None
    no_codes: int = 0
    speaks: bool = True
    setup: bool = False


Nested = Callable[[str], Command | None]
"""Reads a command line that stands in a word, as one command."""


class _Programs(NamedTuple):
    """The table of programs, arranged for looking up."""

    depth: Mapping[str, int]
    values: Mapping[str, frozenset[str]]
    wrappers: Mapping[str, frozenset[str]]
    wrapper_words: Mapping[str, int]
    runners: frozenset[str]
    runner_values: frozenset[str]
    interpreters: frozenset[str]
    shells: frozenset[str]
    code_options: frozenset[str]
    interpreter_values: frozenset[str]
    setup: frozenset[str]
    printing: frozenset[str]
    keywords: frozenset[str]
    headers: frozenset[str]
    silent: frozenset[str]
    speaking: frozenset[str]
    needs: Mapping[str, frozenset[str]]
    negative_codes: Mapping[str, tuple[int, ...]]
    checks: Mapping[str, int]
    script_runners: frozenset[str]
    script_targets: frozenset[str]
    script_words: frozenset[str]
    script_codes: int
    has_say: frozenset[str]  # programs that the words after them make different


@cache
def _programs() -> _Programs:
    table = data.commands()
    checks: dict[str, int] = {}
    for code, names in table.check_failed.items():
        for name in names:
            checks[name] = checks.get(name, 0) | codes_mask((code,))
    depth = {name: depth for depth, names in table.depth.items() for name in names}
    return _Programs(
        depth=depth,
        values={name: frozenset(options) for name, options in table.value_options.items()},
        wrappers={name: frozenset(options) for name, options in table.wrappers.items()},
        wrapper_words=table.wrapper_words,
        runners=frozenset(table.runners.names),
        runner_values=frozenset(table.runners.values),
        interpreters=frozenset(table.interpreters.names),
        shells=frozenset(table.interpreters.shells),
        code_options=frozenset(table.interpreters.code),
        interpreter_values=frozenset(table.interpreters.values),
        setup=frozenset(table.trivial.names),
        printing=frozenset(table.trivial.printing),
        keywords=frozenset(table.trivial.keywords),
        headers=frozenset(table.trivial.headers),
        silent=frozenset(table.expected_negative.silent),
        speaking=frozenset(table.expected_negative.speaking),
        needs={name: frozenset(words) for name, words in table.expected_negative.needs.items()},
        negative_codes=table.expected_negative.codes,
        checks=checks,
        script_runners=frozenset(table.scripts.runners),
        script_targets=frozenset(table.scripts.targets),
        script_words=frozenset(table.scripts.words),
        script_codes=codes_mask(table.scripts.codes),
        has_say=frozenset(
            name.partition(" ")[0]
            for names in (
                depth,
                table.runners.names,
                table.interpreters.names,
                table.trivial.headers,
                table.scripts.targets,
                table.expected_negative.needs,
                ["python", "manage.py"],
            )
            for name in names
        ),
    )


def read_command(words: Sequence[str], nested: Nested) -> Command | None:
    """Return what one command is; None when the words hold none, such as a comment.

    `nested` reads a command line that stands in a word.
    """
    if (plain := _plain(words[0])) is not None:
        return plain
    known = _programs()
    start, codes_pass, wrapper = _start(words, known)
    if start == len(words):
        inner = _substituted(words, nested)
        if inner is None and wrapper:
            return Command((wrapper,))
        return inner
    program = _program(words[start])
    if program in known.headers or not program:
        return None
    rest = words[start + 1 :]
    if program in known.interpreters:
        return _interpreted(program, rest, nested, known)
    name, used = _named(program, rest, known)
    if name in known.runners or program in known.runners:
        return _run(name, program, rest[used:] if name in known.runners else rest, nested, known)
    if program == "command" and "-v" in rest[:1]:
        name = "command -v"
    if not codes_pass:
        return Command((name,))
    if name in known.needs or program in known.script_targets:
        return _command(name, program, tuple(rest))
    return _command(name, program, ())


@lru_cache(maxsize=4096)
def _plain(word: str) -> Command | None:
    """Return the command that a first word stands for; None when other words have a say."""
    known = _programs()
    if word[0] in "$#<>" or word in known.keywords or word in known.wrappers:
        return None
    if word[:2] in ("1>", "2>", "&>") or _ASSIGNMENT.match(word):
        return None
    program = _program(word)
    if not program or program in known.has_say:
        return None
    return _command(program, program, ())


@lru_cache(maxsize=4096)
def _command(name: str, program: str, rest: tuple[str, ...]) -> Command:
    known = _programs()
    no_kind, no_codes = _no(name, program, rest, known)
    setup = program in known.setup or name in known.setup or program[0] == "$"
    speaks = program in known.printing or not (setup or program in _WORDLESS)
    return Command((name,), no_kind, no_codes, speaks, setup)


def _start(words: Sequence[str], known: _Programs) -> tuple[int, bool, str]:
    """Return where the program stands, whether its exit code comes through, the last wrapper."""
    position, codes_pass, wrapper = 0, True, ""
    while position < len(words):
        word = words[position]
        if word in known.wrappers and not (
            word == "command" and words[position + 1 : position + 2] in (["-v"], ["-V"])
        ):
            wrapper = word
            codes_pass &= word != "xargs"
            position = _after_options(words, position + 1, known.wrappers[word])
            position += known.wrapper_words.get(word, 0)
        elif word[0] == "#":
            return len(words), codes_pass, wrapper
        elif words[position + 1 : position + 2] in (["="], ["+="]) and word[0] == "$":
            position += 2
            if words[position : position + 1] and words[position][0] in _LITERAL:
                return len(words), codes_pass, wrapper
        elif word in known.keywords or _ASSIGNMENT.match(word):
            position += 1
        elif word[0] in "<>" or word[:2] in ("2>", "1>", "&>"):
            position += 1 + word.endswith((">", "<"))
        else:
            break
    return min(position, len(words)), codes_pass, wrapper


def _after_options(words: Sequence[str], position: int, values: frozenset[str]) -> int:
    """Return the position of the first word that is no option and no value of one."""
    while position < len(words) and words[position][0] == "-":
        if words[position] == "--":
            return position + 1
        position += 2 if words[position] in values else 1
    return position


def _program(word: str) -> str:
    """Return a program's name without quotes and path; "" for what is no program."""
    name = _unquoted(word)
    if name in _NAMED_BY_MARKS:
        return name
    if "/" in name or "\\" in name:
        name = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    elif " " in name:
        return ""
    if not _PROGRAM.match(name):
        return ""
    return "python" if _VERSIONED_PYTHON.match(name) else name.removesuffix(".exe")


def _unquoted(word: str) -> str:
    if "'" in word or '"' in word:
        return word.replace("'", "").replace('"', "")
    return word


def _named(program: str, rest: Sequence[str], known: _Programs) -> tuple[str, int]:
    """Return the program with its sub-commands, and how many words of `rest` they took."""
    name, used = program, 0
    need = known.depth.get(name, 0)
    values = known.values.get(name, _NO_OPTIONS)
    while need:
        used = _after_options(rest, used, values)
        if used >= len(rest):
            break
        word = _unquoted(rest[used])
        if _SUBCOMMAND.match(word):
            name = f"{name} {word}"
            need += known.depth.get(name, 0) - 1
            values = known.values.get(name, values)
        elif "=" not in word:
            break
        used += 1
    return name, min(used, len(rest))


def _interpreted(program: str, rest: Sequence[str], nested: Nested, known: _Programs) -> Command:
    """Return what an interpreter runs: a module, a script, or, for a shell, a command line."""
    position = 0
    while position < len(rest) and rest[position][0] == "-":
        option = rest[position]
        if program == "python" and option == "-m" and position + 1 < len(rest):
            return _module(rest[position + 1 :], nested, known)
        if option in known.code_options or (program in known.shells and _has_code(option)):
            if program in known.shells and position + 1 < len(rest):
                return nested(_content(rest[position + 1])) or Command((program,))
            return Command((program,))
        if program == "node" and option == "--test":
            return Command(("node --test",), "check_failed", known.checks.get("node --test", 0))
        position += 2 if option in known.interpreter_values else 1
    script = _program(rest[position]) if position < len(rest) else ""
    name = f"{program} {script}" if script and script[0] not in "<>#$" else program
    if script == "manage.py":
        task, _ = _named(script, rest[position + 1 :], known)
        return _command(task, script, ())._replace(names=(f"{program} {task}",))
    return Command((name,))


def _has_code(option: str) -> bool:
    """Return whether a shell's option says that a command line follows: `-c`, `-lc`."""
    return option[1:2] != "-" and option.endswith("c") and len(option) <= 5


def _module(rest: Sequence[str], nested: Nested, known: _Programs) -> Command:
    module = _unquoted(rest[0])
    name = f"python -m {module}"
    inner = read_command(rest, nested) if module not in known.interpreters else None
    codes = known.checks.get(name, 0)
    if codes:
        return Command((name,), "check_failed", codes)
    if inner and inner.no_kind == "check_failed":
        return Command((name,), inner.no_kind, inner.no_codes)
    return Command((name,))


def _run(name: str, program: str, rest: Sequence[str], nested: Nested, known: _Programs) -> Command:
    """Return what a runner starts, named with the runner."""
    runner = name if name in known.runners else program
    position = _after_options(rest, 0, known.runner_values)
    inner_words = list(rest[position:])
    inner = read_command(inner_words, nested) if inner_words else None
    if inner is None:
        return Command((runner,))
    names = tuple(f"{runner} {inner_name}" for inner_name in inner.names)
    if runner in known.script_runners and _is_check(_unquoted(inner_words[0]), known):
        return Command(names, "check_failed", known.script_codes | inner.no_codes & ~1)
    return inner._replace(names=names, setup=False)


def _substituted(words: Sequence[str], nested: Nested) -> Command | None:
    """Return what `name=$(…)` runs when it is all that there is; its exit code is the command's."""
    for word in reversed(words):
        if not _ASSIGNMENT.match(word):
            continue
        value = word.partition("=")[2].strip('"')
        if value[:2] == "$(" and value[-1:] == ")":
            return nested(value[2:-1])
        return Command((word.partition("=")[0] + "=",), setup=True, speaks=False)
    return None


def _no(
    name: str, program: str, rest: Sequence[str], known: _Programs
) -> tuple[Outcome | None, int]:
    """Return what the exit codes of a command mean besides failure."""
    if codes := known.checks.get(name, 0):
        return "check_failed", codes
    first, _, last = name.rpartition(" ")
    if first in known.script_runners and _is_check(last, known):
        return "check_failed", known.script_codes
    if first in ("pnpm", "yarn", "bun") and (codes := known.checks.get(last, 0)):
        return "check_failed", codes
    if program in known.script_targets and any(
        _is_check(word, known) for word in rest[:_MOST_TARGETS]
    ):
        return "check_failed", known.script_codes
    for key in (name, program):
        speaking = key in known.speaking
        if speaking or key in known.silent:
            needs = known.needs.get(key)
            if needs and needs.isdisjoint(rest):
                continue
            codes_that_say_no = known.negative_codes.get(key, (1,))
            return "expected_negative", codes_mask(codes_that_say_no, speaks=speaking)
    return None, 0


def _is_check(script: str, known: _Programs) -> bool:
    return script in known.script_words or (
        script[:1] != "-" and not known.script_words.isdisjoint(_NAME_PARTS.split(script))
    )


def _content(word: str) -> str:
    """Return what a quoted word holds."""
    if len(word) > 1 and word[0] in "'\"" and word[-1] == word[0]:
        return word[1:-1].replace('\\"', '"') if word[0] == '"' else word[1:-1]
    return word
