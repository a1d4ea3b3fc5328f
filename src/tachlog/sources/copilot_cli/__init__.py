"""Sessions of GitHub Copilot CLI: `session-state/<session>/events.jsonl`, one event a line.

Only the first event names the session; one without it before is a problem. Messages tell their
output; input and cache are told for whole legs when a session shuts down, money as a running total:
both are shared among the calls they are of (see `legs`).
"""

from __future__ import annotations

import msgspec

from tachlog.records import first_record
from tachlog.sources import Source, late, unpacked
from tachlog.sources.copilot_cli.shapes import SKIPS, Head

_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether the first event starts a session of Copilot."""
    if not unpacked(path).endswith(".jsonl"):
        return False
    first = first_record(head, _head_decoder)
    if first is None:
        return False
    data = first.data
    return (
        first.type == "session.start"
        and data is not None
        and None not in (data.sessionId, data.copilotVersion)
    )


SOURCE = Source(
    name="copilot_cli",
    title="GitHub Copilot CLI",
    revision=1,
    claims=claims,
    state=late("tachlog.sources.copilot_cli.chunks:State"),
    read=late("tachlog.sources.copilot_cli.chunks:read"),
    skips=SKIPS,
    lives="`~/.copilot/session-state/*/events.jsonl`",
    tokens=(
        "output per message; input and cache per model at shutdown, shared equally among the calls "
        "of the leg; what compactions used as billed; costs from the running total"
    ),
    proof="public real logs, 1.0.74; other kinds of event from third-party copies of its types",
    evidence=(
        "public real logs of 1.0.74 (and measurements of 1.0.40), measured 2026-11-22",
        "names of events and fields of https://github.com/github/copilot-sdk, as third-party "
        "copies have them, read 2026-11-22",
    ),
    gaps=(
        "a session that did not shut down, or was resumed since, tells no input of those calls",
        "each call's input is the mean of its leg; the sums are exact",
        "a sub-agent of a sub-agent is shown under the session",
    ),
)
