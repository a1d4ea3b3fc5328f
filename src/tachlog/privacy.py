"""Everything that is kept of a person, in one file."""

from __future__ import annotations

from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec

from tachlog import __version__
from tachlog.analysis.units import rfc3339
from tachlog.shipping import named
from tachlog.stores import Store
from tachlog.stores.erased import is_pseudonym
from tachlog.stores.holding import Held
from tachlog.stores.schema import LOCAL_USER

NOTHING: Final = "nothing is kept of anybody called {!r}"
OWN: Final = (
    f"{LOCAL_USER!r} stands for whoever owns the archive: `tachlog export` hands out all of it, and"
    " deleting the archive erases it"
)
HANDED_OUT: Final = "exported the data of"
"""How the record of changes tells that somebody was given what is kept of a person."""

_ABOUT: Final = """\
What the tachlog archive {archive} keeps of {name},
written {now} by tachlog {version}.

sessions.jsonl has a line for each conversation and each of its sub-agents:
`figures` are what it comes to, `told` has its operations (model calls, tool
calls, prompts, failures, compactions) and marks (titles, working directories,
branches) as each log tells them, `quarters` its sums by quarter hour, `left`
what stands in for operations that were deleted. Times are microseconds since
1970 (UTC), money is nano-dollars. No text of prompts or replies is kept.

files.jsonl are the logs that told it, problems.jsonl what could not be read.
The other files are what names the person: users, tokens, alerts, silences,
advice, acts (the record of changes), hooked (what agents' hooks told last).

Left out are keys and digests by which the archive knows a record again, and
the digests of the password and of tokens: nothing can be read in them.
"""


def refusal(name: str, held: Held) -> str | None:
    """Why nobody of that name can be handed out or erased; None where somebody can be."""
    if name == LOCAL_USER:
        return OWN
    return NOTHING.format(name) if held.is_nothing or is_pseudonym(name) else None


def write(store: Store, name: str, file: IO[bytes], now_us: int) -> None:
    """Write everything that is kept of somebody as a zip archive of JSON lines."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        told = _ABOUT.format(archive=store.url, name=name, now=rfc3339(now_us), version=__version__)
        archive.writestr("README.txt", told)
        with archive.open("sessions.jsonl", "w", force_zip64=True) as lines:
            for thread in store.personal.threads(name):
                lines.write(_line(thread))
        for table, rows in store.personal.records(name).items():
            archive.writestr(f"{table}.jsonl", b"".join(map(_line, rows)))


def _line(row: object) -> bytes:
    return msgspec.json.encode(named(row)) + b"\n"


def file_name(name: str) -> str:
    """What the file with somebody's data is called."""
    plain = "".join(each if each.isalnum() or each in "-_." else "_" for each in name)
    return f"tachlog-{plain.encode('ascii', 'replace').decode().replace('?', '_')}.zip"
