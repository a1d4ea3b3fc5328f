"""Claude Code transcripts: `<config>/projects/<slug>/<session>.jsonl` and its sub-agents' files.

One JSON object per line, one line per content block of a reply, each repeating the reply's usage.
Identity, final usage and copies are decided later, in `sessions` and `identity`; here every record
becomes what it tells by itself.
"""

from __future__ import annotations

import msgspec

from tachlog.sources import Source, late, unpacked
from tachlog.sources.claude_code import shapes

_head_decoder = msgspec.json.Decoder(shapes.Head)

_PARTS = b'"parts":['
"""What messages have in the transcripts of Qwen Code's sub-agents, whose lines are alike."""


def claims(path: str, head: bytes) -> bool:
    """Whether one of the first whole records has the shape of a transcript's."""
    if not unpacked(path).endswith(".jsonl"):
        return False
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 40)[:40]
    for line in lines:
        if _PARTS in line:
            continue
        try:
            record = _head_decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if record.telling:
            return True
    first = lines[0]
    named = (b'"parentUuid"', b'"isSidechain"', b'"sessionId"')
    return _PARTS not in first and all(name in first for name in named)


SOURCE = Source(
    name="claude_code",
    title="Claude Code",
    revision=1,
    claims=claims,
    state=late("tachlog.sources.claude_code.chunks:State"),
    read=late("tachlog.sources.claude_code.chunks:read"),
    skips=shapes.SKIPS,
    lives="`$CLAUDE_CONFIG_DIR`, else `~/.config/claude` and `~/.claude`: `projects/**/*.jsonl`",
    tokens="`input_tokens` excludes cache reads and writes; `output_tokens` includes thinking",
    proof="public real logs, 1.0.17 to 2.1.219; recorded by us, 2.1.330",
    evidence=(
        "public real logs of versions 1.0.17 to 2.1.219, measured 2026-11-22",
        "2.1.330 recorded against a model stub, 2026-11-22",
        "https://code.claude.com/docs/en/monitoring-usage, checked 2026-11-22",
    ),
    gaps=(
        "the output of replies that were never finalised (most of 2.1.10 to 2.1.49) is estimated",
        "the model call that compacts is told by the running cost alone (2.1.330)",
        "the wait for a person's approval is a part of a tool's duration",
        "sub-agents written into the main file without an id (1.0) share one thread",
    ),
)
