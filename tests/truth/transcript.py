"""Read Claude Code transcripts record by record, and say what each record is.

The shapes are those measured on 1,040 public transcripts of versions 1.0.17 to 2.1.219 and on one
recorded with 2.1.330 (checked 2026-11-22). Nothing here is shared with the package: see README.md.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

KNOWN_TYPES = frozenset(
    (
        "agent-name",
        "ai-title",
        "api-request",
        "api-request-blob",
        "api-request-shape",
        "assistant",
        "atis-latch",
        "attachment",
        "cost-state",
        "custom-title",
        "file-history-delta",
        "file-history-snapshot",
        "frame-link",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
        "progress",
        "queue-operation",
        "summary",
        "system",
        "tools-used",
        "user",
    )
)

SKIPPED_KINDS = frozenset(
    (
        "api-request-blob",
        "atis-latch",
        "file-history-delta",
        "file-history-snapshot",
        "frame-link",
        "last-prompt",
        "mode",
        "permission-mode",
        "progress/bash_progress",
        "progress/hook_progress",
        "progress/mcp_progress",
        "progress/query_update",
        "progress/search_results_received",
        "progress/waiting_for_task",
        "tools-used",
    )
)
"""What is taken as a kind without meaning unless told otherwise: the choice is the caller's."""

MACHINE_WRITTEN = (
    "<bash-",
    "<command-",
    "<ide_",
    "<local-command-",
    "<system-reminder",
    "<task-notification",
    "<user-prompt-submit-hook",
    "[Request interrupted by user",
)
"""How a text begins that stands where a person's words would, and that no person wrote as such."""

Record = dict[str, Any]
Microseconds = int


@dataclass(frozen=True)
class Tokens:
    """The four disjoint buckets of what was read and written, as the log gives them."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """Sum the four buckets."""
        return self.input + self.cache_read + self.cache_write + self.output

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
        )


@dataclass
class Records:
    """How many JSON values there were, and what became of each.

    `kinds` counts all that could be decoded, copies too; `first_told` leaves the copies out, so
    that another list of meaningless kinds can be held against it.
    """

    records: int = 0
    parsed: int = 0
    duplicates: int = 0
    skipped: int = 0
    problems: int = 0
    damaged_lines: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first_told: Counter[str] = field(default_factory=Counter)


class Telling(NamedTuple):
    """One record's word, in one thread, about something that other records may tell too."""

    thread: str
    is_sidechain: bool
    is_progress: bool
    at: Microseconds | None
    origin: str | None
    record: Record

    @property
    def message(self) -> Record:
        """Return the API's part of the record."""
        return mapping(self.record.get("message"))

    @property
    def blocks(self) -> list[Record]:
        """Return the content's blocks; a content that is one string has none."""
        content = self.message.get("content")
        return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def transcripts(folder: Path) -> list[Path]:
    """List the transcripts below `folder`, leaving out the journals of workflows."""
    return sorted(path for path in folder.rglob("*.jsonl") if path.name != "journal.jsonl")


def read_all(
    paths: Iterable[Path], skipped_kinds: Collection[str]
) -> tuple[Records, list[tuple[str, Record]]]:
    """Read every record, say what became of it, and keep those that may tell something.

    Copies are kept too: they show who else tells a thing. A record is given with the name of its
    file, for the few that do not say their session.
    """
    counts = Records()
    kept: list[tuple[str, Record]] = []
    told: set[str] = set()
    for path in paths:
        for value, is_damaged in values_of(path):
            counts.records += 1
            if is_damaged:
                counts.problems += 1
                counts.damaged_lines += 1
                continue
            kind = kind_of(value)
            identity = identity_of(value)
            counts.kinds[kind] += 1
            if identity in told:
                counts.duplicates += 1
            else:
                told.add(identity)
                counts.first_told[kind] += 1
                kind_type = kind.partition("/")[0]
                if kind_type not in KNOWN_TYPES:
                    counts.problems += 1
                elif kind in skipped_kinds or kind_type in skipped_kinds:
                    counts.skipped += 1
                else:
                    counts.parsed += 1
            if isinstance(value, dict):
                kept.append((path.stem, value))
    return counts, kept


def values_of(path: Path) -> Iterator[tuple[Any, bool]]:
    """Give the JSON values of a file, and (None, True) for each line that is damaged.

    A line may hold several values. What stands before the damage counts; the rest of the line is
    one problem, whatever it may hold.
    """
    decoder = json.JSONDecoder()
    for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        try:
            text = line.decode().strip()
            while text:
                value, end = decoder.raw_decode(text)
                yield value, False
                text = text[end:].lstrip()
        except (ValueError, RecursionError):
            yield None, True


def kind_of(value: Any) -> str:
    """Name a record's kind: its type, with the second level's after a slash where it has one."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return "?"
    second = {
        "system": value.get("subtype"),
        "progress": mapping(value.get("data")).get("type"),
        "attachment": mapping(value.get("attachment")).get("type"),
    }.get(value["type"])
    return f"{value['type']}/{second}" if second else str(value["type"])


def identity_of(value: Any) -> str:
    """Return what makes a later record a copy: the uuid, or without one the whole value."""
    uuid = string(value.get("uuid")) if isinstance(value, dict) else None
    return f"uuid {uuid}" if uuid else f"value {canonical(value)}"


def canonical(value: Any) -> str:
    """Write a JSON value in the one way that does not depend on the order of its keys."""
    return json.dumps(value, sort_keys=True)


def mapping(value: Any) -> Record:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def string(value: Any) -> str | None:
    """Return `value` if it is a string that says something, else None."""
    return value if isinstance(value, str) and value else None


def moment(value: Any) -> Microseconds | None:
    """Return an ISO 8601 time as microseconds since 1970; one without a zone is UTC."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def names_of_threads(named: tuple[str, Record]) -> list[str]:
    """Name the threads that a record shows to exist: its own, and a sub-agent it reports on."""
    _, record = named
    session = string(record.get("sessionId"))
    if session is None:
        return [w.thread for w in words_of(named)]
    own = thread_name(session, record.get("agentId"))
    return [own, *(w.thread for w in words_of(named) if w.thread != own)]


def thread_name(session: str, agent: Any) -> str:
    """Name a thread: sub-agents' ids are unique within their session only."""
    return f"{session}/{agent}" if string(agent) else session


def words_of(named: tuple[str, Record]) -> list[Telling]:
    """Give the word that a record has in its thread: one, or none for a kind that has none.

    A progress record of a sub-agent speaks for the sub-agent, with the record inside it.
    """
    file_name, record = named
    session = string(record.get("sessionId")) or file_name
    origin = string(mapping(record.get("forkedFrom")).get("sessionId"))
    kind = kind_of(record)
    if kind == "progress/agent_progress":
        data = mapping(record.get("data"))
        inner = mapping(data.get("message"))
        thread = thread_name(session, data.get("agentId"))
        at = moment(inner.get("timestamp")) or moment(record.get("timestamp"))
        return [Telling(thread, True, True, at, origin, inner)]
    if kind.partition("/")[0] not in ("assistant", "user", "system", "attachment"):
        return []
    thread = thread_name(session, record.get("agentId"))
    is_sidechain = record.get("isSidechain") is True
    return [Telling(thread, is_sidechain, False, moment(record.get("timestamp")), origin, record)]


def is_made_up(record: Record) -> bool:
    """Tell a message that the harness wrote in place of the model."""
    model = mapping(record.get("message")).get("model")
    return model == "<synthetic>" or record.get("isApiErrorMessage") is True


def is_prompt(record: Record) -> bool:
    """Tell whether a user record has words of a person, or of a parent agent.

    They may stand beside a tool's result: words that were taken in while the tool ran (2.1.20).
    """
    if record.get("isMeta") or record.get("isCompactSummary"):
        return False
    if mapping(record.get("origin")).get("kind") == "task-notification":
        return False
    return has_words_of_a_person(mapping(record.get("message")).get("content"))


def has_words_of_a_person(content: Any) -> bool:
    """Tell whether some text of a message's content is not machine-written."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list):
        return False
    blocks = [mapping(block) for block in blocks]
    texts = [str(block.get("text") or "") for block in blocks if block.get("type") == "text"]
    return any(t.strip() and not t.lstrip().startswith(MACHINE_WRITTEN) for t in texts)


def number(of: Record, name: str) -> int:
    """Read a count; what is absent, null or no count is nothing."""
    value = of.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def tokens_of(usage: Record) -> Tokens:
    """Read the four buckets; what is absent, null or no count is nothing.

    Without a total of cache writes, their two lifetimes add up to it.
    """

    lifetimes = mapping(usage.get("cache_creation"))
    return Tokens(
        number(usage, "input_tokens"),
        number(usage, "cache_read_input_tokens"),
        number(usage, "cache_creation_input_tokens")
        or number(lifetimes, "ephemeral_5m_input_tokens")
        + number(lifetimes, "ephemeral_1h_input_tokens"),
        number(usage, "output_tokens"),
    )


def text_of(content: Any) -> str:
    """Return a result's text, whether it is one string or a list of blocks."""
    if isinstance(content, list):
        return "\n".join(str(mapping(block).get("text") or "") for block in content)
    return content if isinstance(content, str) else ""
