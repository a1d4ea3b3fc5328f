"""Whose history a rollout is: its thread, and the facts that its header tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tachlog import signals
from tachlog.model import Thread
from tachlog.records import lenient
from tachlog.sources.codex import shapes
from tachlog.sources.codex.shapes import Payload
from tachlog.sources.codex.state import AGENT

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]*@")


def thread_of(meta: Payload) -> Thread:
    """The thread that a rollout is the history of.

    `session_id` names the whole tree since about 0.14x; before, a sub-agent only knows its parent.
    Some (the guardian, until about 0.13x) do not know it either: then it is "".
    """
    own = meta.id or ""
    parent = parent_of(meta)
    if parent is None:
        return Thread(AGENT, own, own)
    tree = meta.session_id if meta.session_id and meta.session_id != own else None
    return Thread(AGENT, own, tree or parent or own, parent)


def parent_of(meta: Payload) -> str | None:
    """The thread that spawned this one, None for a main thread, "" when it is not told."""
    if meta.parent_thread_id:
        return meta.parent_thread_id
    source = lenient(meta.source, shapes.SessionSource)
    if source is None or (source.subagent == shapes.NOTHING and source.internal is None):
        return None
    spawned = lenient(source.subagent, shapes.SubagentSource)
    spawn = spawned.thread_spawn if spawned else None
    return (spawn.parent_thread_id if spawn else None) or ""


def kind_of(meta: Payload) -> str | None:
    """What kind of sub-agent a thread is: its role, or what it does for the program."""
    source = lenient(meta.source, shapes.SessionSource)
    if source is None:
        return meta.agent_role
    spawned = lenient(source.subagent, shapes.SubagentSource)
    spawn = spawned.thread_spawn if spawned else None
    role = meta.agent_role or (spawn.agent_role if spawn else None)
    other = spawned.other if spawned else None
    return role or other or source.internal or lenient(source.subagent, str)


def facts_of(meta: Payload, git: shapes.Git) -> Iterator[tuple[str, str]]:
    """The marks that a header tells."""
    told = {
        "version": meta.cli_version,
        "entrypoint": meta.originator or lenient(meta.source, str),
        "agent_type": kind_of(meta),
        "branch": git.branch,
        "repository": _CREDENTIALS.sub("", git.repository_url or ""),
        "forked_from": meta.forked_from_id,
    }
    for name, value in told.items():
        if value:
            yield name, value if name == "forked_from" else signals.excerpt(value, 200)


def version_of(told: str | None) -> tuple[int, int] | None:
    """The first two numbers of a version."""
    found = re.match(r"(\d{1,6})\.(\d{1,6})", told or "")
    return (int(found[1]), int(found[2])) if found else None
