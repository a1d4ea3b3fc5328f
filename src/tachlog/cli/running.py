"""Run one verb: choose it, read its options, print its answer, tell what went wrong."""

from __future__ import annotations

from importlib import import_module

from tachlog.cli.calling import Caller, Misuse
from tachlog.cli.parser import help_of, near, parse
from tachlog.cli.verbs import VERBS
from tachlog.figures import plain

EXPECTED = {
    "tachlog.cli.calling.Misuse": 2,
    "tachlog.cli.calling.Unanswered": 1,
    "tachlog.config.reading.ConfigError": 2,
    "tachlog.discovery.MissingPath": 2,
    "tachlog.export.writers.ExportError": 1,
    "tachlog.pricing.overrides.PriceFileError": 2,
    "tachlog.statements.StatementError": 2,
    "tachlog.stores.StoreError": 1,
}
"""Exit codes of faults; by name, so that telling of one imports nothing that may fail itself."""

HELP_WORDS = ("--help", "-h")


def run(words: list[str], caller: Caller) -> int:
    """Run the command with these words and return its exit code."""
    try:
        return _run(words, caller)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - the top of the command: a person reads what is left
        return _fail(error, words, caller)


def _run(words: list[str], caller: Caller) -> int:
    if words and words[0] in HELP_WORDS:
        return _say(overview(), caller)
    if words == ["--version"]:
        from tachlog.cli.facts import version_facts

        return _say("\n".join(version_facts()), caller)
    name, rest = (words[0], words[1:]) if words and words[0][:1] != "-" else ("", words)
    verb = next((verb for verb in VERBS if verb.name == name), None)
    if verb is None:
        raise Misuse(f"there is no verb {name!r}{near(name, [verb.name for verb in VERBS])}")
    if any(word in HELP_WORDS for word in rest):
        return _say(help_of(verb), caller)
    if not name and (verb_late := _verb_among(rest)):
        raise Misuse(f"the verb comes first: tachlog {verb_late} {words[0]} …")
    options = parse(verb, rest)

    function = getattr(import_module(f"tachlog.cli.{verb.module}"), verb.name or "short")
    if verb.direct:
        return int(function(options, caller))

    from tachlog.cli.answering import answer

    return answer(function, options, caller)


def _verb_among(words: list[str]) -> str | None:
    return next((verb.name for verb in VERBS if verb.name and verb.name in words), None)


def _say(text: str, caller: Caller) -> int:
    caller.out.write(text + "\n")
    return 0


def overview() -> str:
    """The help of the command as a whole."""
    width = max(len(verb.name) for verb in VERBS) + 2
    return "\n".join(
        [
            "tachlog reads the logs of AI agents and tells what they did, what it cost, how long",
            "it took and where it failed. Nothing leaves this machine.",
            "",
            "usage: tachlog [VERB] [options]",
            "",
            *(f"  {verb.name or '(none)':{width}}{verb.meaning}" for verb in VERBS),
            "",
            "  --version, --help; `tachlog VERB --help` tells a verb's options",
            "",
            "Every verb takes --json. Exit codes: 0 answered, 1 part of it could not be done,",
            "2 misuse, 3 found what --fail-on names.",
        ]
    )


def _fail(error: Exception, words: list[str], caller: Caller) -> int:
    """Tell a fault in a line or two and return its exit code."""
    code, message = _judge(error)
    if caller.environ.get("TACHLOG_DEBUG") == "1":
        import traceback

        caller.err.write("".join(traceback.format_exception(error)))
    caller.out.flush()
    verb = next((verb for verb in VERBS if words[:1] == [verb.name]), VERBS[0])
    told = "\n".join(map(plain, message.splitlines()))
    hint = f"\n{verb.command} --help tells how it is used" if isinstance(error, Misuse) else ""
    caller.err.write(f"{verb.command}: {told}{hint}\n")
    return code


def _judge(error: Exception) -> tuple[int, str]:
    """The exit code of a fault and what to tell of it."""
    for kind in type(error).__mro__:
        code = EXPECTED.get(f"{kind.__module__}.{kind.__name__}")
        if code is not None:
            return code, str(error)
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return 1, f"{place}{error.strerror}"
    name = type(error).__name__
    return 1, (
        f"a fault of tachlog itself: {name}: {error}\n"
        "please report it with what TACHLOG_DEBUG=1 shows; the archive is as it was"
    )
