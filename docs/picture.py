"""Draws docs/picture.svg: what `tachlog analyze` prints for the example logs, at a fixed time."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tachlog.analysis.overview import overview
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import ReadNowView
from tachlog.cli.answer import render_answer
from tachlog.config import Config
from tachlog.demo import UNTIL, write_demo
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import PRIVATE, open_store

WIDTH = 100
THEME = TerminalTheme(
    (22, 24, 29),
    (214, 218, 224),
    [
        (22, 24, 29),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (171, 178, 191),
    ],
)
FORMAT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -8 1248 1112">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect x="-12" y="-8" width="1248" height="1112" rx="10" fill="#16181d"/>
<g>{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def answer() -> str:
    """What is printed for the example logs, with colours."""
    with tempfile.TemporaryDirectory() as directory:
        write_demo(Path(directory))
        store = open_store(PRIVATE)
        read = bring_up_to_date(store, [directory], Config(), jobs=1)
        found = overview(
            store,
            Selection(),
            time_zone="UTC",
            prices="genai-prices",
            now_us=int(UNTIL.timestamp()) * 1_000_000,
            read_now=ReadNowView(files=read.files, records=read.records, seconds=0.4),
        )
        store.close()
    return render_answer(found, width=WIDTH, color=True, unknown={})


def picture() -> str:
    """The answer as an SVG that needs nothing from anywhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(answer()))
    return console.export_svg(theme=THEME, code_format=FORMAT, unique_id="tachlog")


if __name__ == "__main__":
    Path(__file__).with_name("picture.svg").write_text(picture(), "utf-8")
