"""The verbs with which people act on what was found: what each is for, what it takes."""

from __future__ import annotations

from typing import Final

from tachlog.cli.options import ARCHIVE, FILTERS
from tachlog.cli.parser import Option, Verb, positive

ALERTS: Final = Verb(
    "alerts",
    "show what fires; acknowledge, silence, rehearse",
    "alerts",
    (
        Option(
            "WHAT",
            "nothing, ack ID [NOTE], history ID, silence RULE|LABEL=VALUE …, unsilence ID, test"
            " RULE, rehearse, accept RULE [VALUE], channels, send-test CHANNEL",
            many="*",
        ),
        Option("--for", "how long a silence holds (default 2h)", "TIME"),
        Option("--note", "why", "TEXT"),
        Option("--at", "the moment that a rule is tested for", "TIME"),
        Option("--days", "how many days are rehearsed", "N", positive),
        *ARCHIVE,
    ),
    "one object: `firing`, `resolved`, `silences`, `noisy`, `channels`, `dead`; what was made"
    " or changed",
    "Rules are evaluated when it is asked, and all the time by `tachlog serve`. docs/alerts.md"
    " tells of the rules and how to write your own.",
)

_SELECTING: Final = tuple(option for option in FILTERS if option.usage.split()[0] != "--until")

ADVICE: Final = Verb(
    "advice",
    "say what to change, what it may save, and whether it helped",
    "advice",
    (
        Option("WHAT", "nothing, show ID, dismiss ID, snooze ID, done ID", many="*"),
        Option("--markdown", "print what belongs into an agent's instruction file"),
        Option("--note", "why", "TEXT"),
        Option("--days", "how long a snooze holds (default 30)", "N", positive),
        Option("--until", "up to then; with `snooze` the last day of it", "TIME"),
        *_SELECTING,
        *ARCHIVE,
    ),
    "one object: `recommendations`, `answered`, `titles`, `sessions`; of `show` the one, of the"
    " others what was said",
    "An id stays the same as long as the advice is about the same. After `done` the sessions that"
    " began since are compared with those of the four weeks before. docs/advice.md has every kind.",
)

REPORT: Final = Verb(
    "report",
    "tell a week in three minutes, to read, send or print",
    "report",
    (
        Option("--week", "an ISO week such as 2026-W40 (default: the last that is over)", "WEEK"),
        Option(
            "--format",
            "how it is written (default md)",
            "FORM",
            choices=("md", "html", "pdf", "json"),
        ),
        Option("--out", "write it to this file", "FILE"),
        *ARCHIVE,
    ),
    "one object: the week's figures, what they are compared with, advice",
    "The same archive and week give the same bytes. For a PDF print the HTML from a browser.",
)
