"""What every verb takes, as data: the parser, the help and the reference page are made from it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

from tachlog.cli.calling import Misuse


class Option(NamedTuple):
    """A flag (`--since`) or a place (`PATH`) of a verb.

    Without a `metavar` a flag is a switch. `many` is `*` for a place that takes any number,
    `?` for one that may be left out.
    """

    name: str
    meaning: str
    metavar: str | None = None
    kind: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    many: str | None = None
    default: Any = None

    @property
    def is_flag(self) -> bool:
        """Whether it begins with a dash."""
        return self.name.startswith("-")

    @property
    def usage(self) -> str:
        """How it is written: `--since TIME`, `[PATH …]`, `ID`."""
        if self.is_flag:
            return f"{self.name} {self.metavar}" if self.metavar else self.name
        return {"*": f"[{self.name} …]", "?": f"[{self.name}]"}.get(self.many or "", self.name)


class Verb(NamedTuple):
    """One verb: its function is `module.name` in this package (`short` for the empty name).

    `json` says what `--json` prints. A `direct` verb prints by itself and loads neither the
    configuration nor the archive's machinery.
    """

    name: str
    meaning: str
    module: str
    options: tuple[Option, ...]
    json: str
    more: str = ""
    direct: bool = False

    @property
    def command(self) -> str:
        """How it is called: `tachlog show`."""
        return f"tachlog {self.name}".rstrip()

    @property
    def usage(self) -> str:
        """How it is written, in one line."""
        places = [option.usage for option in self.options if not option.is_flag]
        return " ".join([self.command, *places, "[options]"])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Tell a misuse as an exception and not by leaving the program."""
        raise Misuse(message.removeprefix("argument "))


def _formatter(prog: str) -> argparse.HelpFormatter:
    """One that does not ask how wide the terminal is: its help is never shown."""
    return argparse.HelpFormatter(prog, width=80)


def parse(verb: Verb, words: list[str]) -> argparse.Namespace:
    """The values of a verb's options; raises `Misuse` with a sentence that says what to do."""
    parser = _Parser(
        prog=verb.command, add_help=False, allow_abbrev=False, formatter_class=_formatter
    )
    for option in verb.options:
        _add(parser, option)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        raise Misuse(_unknown(verb, unknown[0]))
    for option in verb.options:
        if not (option.is_flag or option.many) and getattr(options, option.name.lower()) is None:
            raise Misuse(f"{option.name} is missing: {option.meaning}")
    return options


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    kind = _one_of(option.choices) if option.choices else option.kind
    if not option.is_flag:
        many = option.many or "?"
        parser.add_argument(option.name.lower(), type=kind, nargs=many)
    elif option.metavar:
        parser.add_argument(option.name, type=kind, metavar=option.metavar, default=option.default)
    else:
        parser.add_argument(option.name, action="store_true")


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in choices:
            nearest = near(text, choices) or f": give one of {', '.join(choices)}"
            raise argparse.ArgumentTypeError(f"there is no {text!r}{nearest}")
        return text

    return chosen


def _unknown(verb: Verb, word: str) -> str:
    if not word.startswith("-"):
        return f"{word!r} is not expected here"
    flag = word.partition("=")[0]
    nearest = near(flag, [option.name for option in verb.options if option.is_flag])
    return f"there is no option {flag}{nearest}"


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` when a known word is near, else nothing."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else ""


def positive(text: str) -> int:
    """A number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def port(text: str) -> int:
    """A port of this machine; 0 stands for a free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def size(text: str) -> int:
    """A size in bytes: `10MB`, `500 kB`, `2GiB`, `1000000`."""
    digits = text.rstrip("kKMGiBb ")
    unit = text[len(digits) :].strip().upper().removesuffix("B")
    scale = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
    try:
        return int(float(digits) * scale[unit])
    except (ValueError, KeyError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: give one like 10MB") from None


def help_of(verb: Verb) -> str:
    """The help of one verb."""
    rows = [(option.usage, told(option)) for option in (*verb.options, HELP)]
    width = max(len(usage) for usage, _ in rows)
    lines = [f"usage: {verb.usage}", "", verb.meaning[0].upper() + verb.meaning[1:] + "."]
    if verb.more:
        lines += ["", verb.more]
    lines += ["", *(f"  {usage:{width}}  {told}" for usage, told in rows)]
    lines += ["", f"--json prints {verb.json}."]
    return "\n".join(lines).replace("`", "")


def told(option: Option) -> str:
    """What an option is for, what it takes, what it is when it is not given."""
    choices = f": {', '.join(option.choices)}" if option.choices else ""
    default = "" if option.default is None else f" (default {option.default})"
    return f"{option.meaning}{choices}{default}"


HELP = Option("--help", "print this")
