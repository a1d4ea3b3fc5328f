"""Reads command lines: what they run, and which exit codes of theirs mean "no" and not "failed".

A tolerant reader of POSIX shell and PowerShell, good for names and never for execution: it knows
quotes, substitutions, pipes, lists, subshells, here-documents, assignments, redirections and
comments, and takes anything else as a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial

from tachlog.signals.programs import Command, read_command

MOST_NAMES = 3
MOST_CHARACTERS = 4000  # of a command line, here-documents not counted; what follows is not read
_MOST_DEPTH = 3  # of command lines within command lines
_MOST_WORDS = 64  # of one command; what follows is not read
_CACHED_CHARACTERS = 160  # of a command that is remembered

_PARENTHESES = r"""\$\((?:[^()"'\\]++|"[^"]*+"|'[^']*+'|\\.|\([^()]*+\))*+\)"""
_QUOTED = rf"""'[^']*+(?:'|\Z)|"(?:[^"\\$]++|\\.|{_PARENTHESES}|\$|\\\Z)*+(?:"|\Z)"""
_SUBSTITUTED = rf"""{_PARENTHESES}|`[^`]*+(?:`|\Z)"""
# One command with its words, up to what ends it; then what ends it.
_COMMAND = re.compile(
    rf"""((?:[^\n;&|()<>'"\\`$\#]++|{_QUOTED}|{_SUBSTITUTED}|\\.?|\$
    |(?<![^\s;&|(])\#[^\n]*+|\#|[<>]++[&|]?|&>)++)|(\|\||&&|\|&?|[\n;&()])""",
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(rf"""(?:[^\s'"\\`$]++|{_QUOTED}|{_SUBSTITUTED}|\\.?|\$)++""", re.DOTALL)
_SPECIAL = re.compile(r"""[\n;&|()<>'"\\`$#]""")  # what makes more of a line than its words
_NEEDS_WORDS = re.compile(r"""['"\\`$]""")
_HEREDOC = re.compile(r"""<<-?[ \t]*(\\?['"]?)([A-Za-z_][\w.-]*)['"]?([^\n]*)\n""")
_CONTINUED = re.compile(r"[\\`]\r?\n")  # POSIX and PowerShell
_HERE_STRING = re.compile(r"""@(['"])[ \t]*\r?\n(?s:.*?)\n[ \t]*\1@""")


def read_line(text: str, depth: int = 0) -> Command | None:
    """Return what a command line runs, as one command: names in order, meaning of its exit codes.

    None when it runs nothing. Never raises, whatever the text is.
    """
    if not _SPECIAL.search(text):
        return _read_chunk(text, depth)
    if "<<" in text:
        text = _without_heredocs(text)
    if "@'" in text or '@"' in text:
        text = _HERE_STRING.sub("''", text)
    text = _CONTINUED.sub(" ", text)
    cut = len(text) > MOST_CHARACTERS
    statements = _statements(text[:MOST_CHARACTERS] if cut else text, depth)
    if not statements:
        return None
    pipelines, _ = statements[-1]
    if len(statements) == len(pipelines) == len(pipelines[0]) == 1 and not cut:
        return pipelines[0][0]
    names = _names(statements)
    return Command(names) if cut else _decided(names, statements, "pipefail" in text)


def read_words(words: Sequence[str]) -> Command | None:
    """Return what a command runs that is given as a list of words, such as `["bash", "-lc", …]`."""
    return read_command(words[:_MOST_WORDS], partial(_nested, depth=0)) if words else None


_Pipeline = list[Command]
_Statement = tuple[list[_Pipeline], bool]  # pipelines joined by && and ||; whether || is among them


def _statements(text: str, depth: int) -> list[_Statement]:
    """Return the statements of a line, those without a command left out.

    Parentheses behind a word hold arguments (PowerShell, `<(…)`), others a list of commands.
    """
    statements: list[_Statement] = []
    pipelines: list[_Pipeline] = []
    alternatives = False
    joint = ";"  # what joins the next command to the one before; "" right behind a command
    inside = 0  # parentheses around arguments
    for chunk, end in _COMMAND.findall(text):
        if end:
            if end == "(" and (inside or joint == ""):
                inside += 1
            elif end == ")" and inside:
                inside -= 1
            elif inside:
                continue
            elif end in ("&&", "||") or (end[0] == "|" and joint not in ("&&", "||")):
                joint = end
            elif end not in "()" and joint == "":
                joint = ";"
            continue
        if inside or joint == "":
            continue
        read = _read_chunk if len(chunk) <= _CACHED_CHARACTERS else _read_chunk.__wrapped__
        command = read(chunk, depth)
        if command is None:
            continue
        if joint[:1] == "|" and joint != "||" and pipelines:
            pipelines[-1].append(command)
        elif joint in ("&&", "||") and pipelines:
            alternatives |= joint == "||"
            pipelines.append([command])
        else:
            if pipelines:
                statements.append((pipelines, alternatives))
            pipelines, alternatives = [[command]], False
        joint = ""
    if pipelines:
        statements.append((pipelines, alternatives))
    return statements


@lru_cache(maxsize=4096)
def _read_chunk(chunk: str, depth: int) -> Command | None:
    """Return the command that stands between two separators; agents repeat themselves."""
    words = _WORD.findall(chunk) if _NEEDS_WORDS.search(chunk) else chunk.split()
    return read_command(words[:_MOST_WORDS], partial(_nested, depth=depth)) if words else None


def _nested(text: str, depth: int) -> Command | None:
    """Return what a command line within a command line runs, as one command that may print."""
    command = read_line(text, depth + 1) if depth < _MOST_DEPTH else None
    return command._replace(speaks=True, setup=False) if command else None


def _names(statements: Sequence[_Statement]) -> tuple[str, ...]:
    """Return what the line is about: each pipeline's first command that does something."""
    names: list[str] = []
    for pipelines, _ in statements:
        for pipeline in pipelines:
            done = next((command for command in pipeline if not command.setup), None)
            if done is not None:
                names += [name for name in done.names if name not in names]
                if len(names) >= MOST_NAMES:
                    return tuple(names[:MOST_NAMES])
    if not names and statements:
        names += statements[-1][0][-1][-1].names
    return tuple(names[:MOST_NAMES])


def _decided(names: tuple[str, ...], statements: Sequence[_Statement], pipefail: bool) -> Command:
    """Return the line as one command, with the exit codes of the command that decides.

    The last statement decides; in it the part after the last `||`; without one, in a chain of `&&`,
    the first check when nothing before it could fail but other checks, else the last part that does
    something; of a pipeline the last command, or with `pipefail` the first check in it.
    """
    pipelines, alternatives = statements[-1]
    deciding = [_decider(pipeline, pipefail) for pipeline in pipelines]
    while not alternatives and len(deciding) > 1 and deciding[-1].setup:
        deciding.pop()
    last = deciding[-1]
    if not alternatives:
        for command in deciding:
            if command.no_kind == "check_failed":
                last = command
                break
            if not command.setup:
                break
    if last.no_kind != "expected_negative" or last.no_codes & 1:
        return Command(names, last.no_kind, last.no_codes)
    printed = any(command.speaks for command in deciding[:-1] if command.setup) or any(
        command.speaks for parts, _ in statements[:-1] for part in parts for command in part[-1:]
    )
    return Command(names, last.no_kind, last.no_codes | printed)


def _decider(pipeline: _Pipeline, pipefail: bool) -> Command:
    if pipefail:
        return next((part for part in pipeline if part.no_kind == "check_failed"), pipeline[-1])
    return pipeline[-1]


def _without_heredocs(text: str) -> str:
    """Return the command line without the lines that here-documents hold."""
    kept: list[str] = []
    position = 0
    while (found := _HEREDOC.search(text, position)) is not None:
        end = re.compile(rf"^[ \t]*{re.escape(found[2])}(?=[\s)\"'`;]|\Z)", re.MULTILINE).search(
            text, found.end()
        )
        kept += [text[position : found.start()], found[3]]
        if end is None:
            return "".join(kept)
        kept.append("\n")
        position = end.end()
    return "".join([*kept, text[position:]])
