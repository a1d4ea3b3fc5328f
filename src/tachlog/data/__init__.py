"""What is data and not code: dated tables, each with its source, as typed values.

A table is read when it is first asked for and kept for the life of the process.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from tachlog.model import Behavior, ErrorClass

Category = Literal[
    "shell", "file_read", "file_edit", "search", "web", "agent", "plan", "mcp", "other"
]
"""What a tool is for."""

Where = Literal["agent", "output", "words"]
"""Where an error signature may be trusted: in what an agent or an API says, in the output of a
command as well, or, being a loose word, only when nothing better is found in what an agent says."""

MCP_PREFIX = "mcp__"
MILLION_SUFFIX = "[1m]"
MILLION = 1_000_000

AnyTable = TypeVar("AnyTable", bound="Table")


class Table(Struct, frozen=True, kw_only=True):
    """A file of data: where its content comes from and when that was looked up."""

    source: str
    checked: datetime.date


class Signature(Struct, frozen=True, kw_only=True):
    """Expressions that show an error class; `statuses` stands for those of the HTTP statuses."""

    error_class: ErrorClass = msgspec.field(default="unknown", name="class")
    where: Where = "agent"
    patterns: tuple[str, ...] = ()
    statuses: bool = False


class ErrorTable(Table, frozen=True, kw_only=True):
    """What errors look like; see `errors.toml` for the meaning of each part."""

    statuses: tuple[tuple[str, ErrorClass], ...]
    status_words: str
    refine: dict[ErrorClass, tuple[ErrorClass, ...]]
    exit_codes: dict[int, ErrorClass]
    exit_codes_weak: dict[int, ErrorClass]
    types: dict[ErrorClass, tuple[str, ...]]
    signature: tuple[Signature, ...]


class BehaviorTable(Table, frozen=True, kw_only=True):
    """Expressions that show a behaviour."""

    behaviors: dict[Behavior, tuple[str, ...]]


class PromptTable(Table, frozen=True, kw_only=True):
    """What agents put around a person's words; see `prompts.toml`."""

    tags: tuple[str, ...]
    not_spoken: tuple[str, ...]
    pasted: str


class Interpreters(Struct, frozen=True, kw_only=True):
    """Programs that run a script, and the options in its way."""

    names: tuple[str, ...]
    shells: tuple[str, ...]
    code: tuple[str, ...]
    values: tuple[str, ...]


class Runners(Struct, frozen=True, kw_only=True):
    """Programs that start another one, and their options that take a value."""

    names: tuple[str, ...]
    values: tuple[str, ...]


class Trivial(Struct, frozen=True, kw_only=True):
    """Words of a command line that only set the stage."""

    names: tuple[str, ...]
    printing: tuple[str, ...]
    keywords: tuple[str, ...]
    headers: tuple[str, ...]


class ExpectedNegative(Struct, frozen=True, kw_only=True):
    """Commands whose exit code can be an answer; `needs` lists words that make it one."""

    silent: tuple[str, ...]
    speaking: tuple[str, ...]
    needs: dict[str, tuple[str, ...]]
    codes: dict[str, tuple[int, ...]]


class Scripts(Struct, frozen=True, kw_only=True):
    """Scripts that projects name themselves: who runs them, what checks among them are called."""

    runners: tuple[str, ...]
    targets: tuple[str, ...]
    words: tuple[str, ...]
    codes: tuple[int, ...]


class CommandTable(Table, frozen=True, kw_only=True):
    """What is known of command line programs; see `commands.toml` for the meaning of each part."""

    depth: dict[int, tuple[str, ...]]
    value_options: dict[str, tuple[str, ...]]
    wrappers: dict[str, tuple[str, ...]]
    wrapper_words: dict[str, int]
    runners: Runners
    interpreters: Interpreters
    trivial: Trivial
    expected_negative: ExpectedNegative
    check_failed: dict[int, tuple[str, ...]]
    scripts: Scripts


class ToolTable(Table, frozen=True, kw_only=True):
    """Tools by category, in lower case."""

    categories: dict[Category, tuple[str, ...]]
    asking: frozenset[str]
    waiting: frozenset[str]
    ending: frozenset[str]


class WindowTable(Table, frozen=True, kw_only=True):
    """Context windows in tokens by the beginning of a model's name."""

    tokens: dict[str, int]


class Factors(Struct, frozen=True, kw_only=True):
    """Output tokens per unit of what is known of a reply, for one family of models.

    `text`, `tool_text` and `thinking` are per character, `wide` per UTF-8 byte beyond one per
    character, `symbol` per ASCII digit or punctuation mark, `escape` per escape in JSON; `tool` is
    per tool call, `key` per JSON key of the tools' inputs. Thinking that the log withholds is told
    by its seal, at `sealed` per character and `seal` per block, or, without one, is `hidden` per
    block: what such a block came to on average. `media` is per image, `constant` per reply.
    `tool_output` is what a byte of a tool's result adds to the context.

    `evidence` says what the factors were fitted on, `error` how far the estimate of a session is
    off at most in nine of ten cases, `learned_error` the same once a correction was learned (None:
    never measured).
    """

    name: str
    words: tuple[str, ...]
    evidence: str
    error: float | None = None
    learned_error: float | None = None
    text: float
    tool_text: float
    thinking: float
    sealed: float
    seal: float
    hidden: float
    wide: float
    symbol: float
    escape: float
    tool: float
    key: float
    media: float
    constant: float
    tool_output: float


class EstimatorTable(Table, frozen=True, kw_only=True):
    """Estimators by model family, the first that fits counts."""

    family: tuple[Factors, ...]


class AdviceKind(Struct, frozen=True, kw_only=True):
    """A kind of recommendation; see `advice.toml` for the meaning of each part."""

    type: str
    rule: str
    least: dict[str, float] = {}
    above: dict[str, float] = {}
    message: str
    instruction: str | None = None
    saving: str
    measure: str
    effort: Literal["low", "medium", "high"]


class AdviceTable(Table, frozen=True, kw_only=True):
    """Kinds of recommendations, and what they say."""

    most: int
    most_of_a_type: int
    remedies: dict[ErrorClass, str]
    slow: dict[str, tuple[str, str]]
    cheaper: dict[str, str]
    outputs: dict[str, str]
    kinds: tuple[AdviceKind, ...]


class AlertTable(Table, frozen=True, kw_only=True):
    """Alert rules, each as `[[alerts.rules]]` of a configuration would have it."""

    rules: tuple[dict[str, Any], ...]


@cache
def errors() -> ErrorTable:
    """Return what errors look like."""
    return _table("errors.toml", ErrorTable)


@cache
def behaviors() -> BehaviorTable:
    """Return what behaviours look like."""
    return _table("behaviors.toml", BehaviorTable)


@cache
def prompts() -> PromptTable:
    """Return what agents put around a person's words."""
    return _table("prompts.toml", PromptTable)


@cache
def commands() -> CommandTable:
    """Return what is known of command line programs."""
    return _table("commands.toml", CommandTable)


@cache
def advice() -> AdviceTable:
    """Return what tachlog recommends, and from how much evidence on."""
    return _table("advice.toml", AdviceTable)


@cache
def tools() -> ToolTable:
    """Return the tools by category."""
    return _table("tools.toml", ToolTable)


@cache
def windows() -> WindowTable:
    """Return the context windows by beginnings of model names."""
    return _table("context_windows.toml", WindowTable)


@cache
def estimators() -> EstimatorTable:
    """Return the estimators of output tokens."""
    return _table("estimators.toml", EstimatorTable)


@cache
def alerts() -> AlertTable:
    """Return the alert rules that come with tachlog."""
    return _table("alerts.toml", AlertTable)


@lru_cache(maxsize=4096)
def tool_category(tool: str) -> Category:
    """Return what a tool is for, by its name in any letter case; `other` when it is not listed."""
    name = tool.strip().lower()
    if name.startswith(MCP_PREFIX):
        return "mcp"
    return _categories().get(name, "other")


@lru_cache(maxsize=4096)
def asks_person(tool: str) -> bool:
    """Return whether a tool only waits for a person's answer: its time is the person's."""
    return tool.strip().lower() in tools().asking


@lru_cache(maxsize=4096)
def waits(tool: str) -> bool:
    """Return whether a tool waits for, or looks after, what runs: equal calls are no loop."""
    return tool.strip().lower() in tools().waiting


@lru_cache(maxsize=4096)
def ends(tool: str) -> bool:
    """Return whether an agent says with a tool that it is done."""
    return tool.strip().lower() in tools().ending


def repeats_by_nature(tool: str) -> bool:
    """Return whether equal calls of a tool in a row are no loop: it waits, or ends."""
    return waits(tool) or ends(tool)


@lru_cache(maxsize=4096)
def context_window(model: str) -> int | None:
    """Return how many tokens a model can hold; None for a model that is not listed."""
    if model.lower().rstrip().endswith(MILLION_SUFFIX):
        return MILLION
    tokens = windows().tokens
    parts = _plain_name(model).split("-")
    for length in range(len(parts), 0, -1):
        found = tokens.get("-".join(parts[:length]))
        if found is not None:
            return found
    return None


@lru_cache(maxsize=4096)
def estimator_factors(model: str) -> Factors:
    """Return the factors of the model's family; of `other` when the family is not known."""
    name = _plain_name(model)
    return next(family for family in estimators().family if name.startswith(family.words))


@cache
def _categories() -> Mapping[str, Category]:
    return {name: category for category, names in tools().categories.items() for name in names}


def _plain_name(model: str) -> str:
    """Return a model's name without its maker, region and variant: `us.anthropic.claude-x:0`."""
    name = model.strip().lower().rpartition("/")[2].partition("[")[0].partition(":")[0]
    name = name.partition("@")[0].replace(".", "-").replace("_", "-").replace(" ", "-")
    start = name.find("claude")
    return name[start:] if start > 0 else name


def _table(file: str, table: type[AnyTable]) -> AnyTable:
    import tomllib

    content = tomllib.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    return msgspec.convert(content, table, str_keys=True)
