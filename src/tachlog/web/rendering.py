"""Templates: they escape everything, and write figures as `looks` says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, select_autoescape

from tachlog import __version__
from tachlog.figures import plain
from tachlog.web.looks import looks

HERE: Final = Path(__file__).resolve().parent

templates: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(("html",)),
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    finalize=lambda value: plain(value) if type(value) is str else value,
)


async def written(template: str, told: Mapping[str, Any]) -> str:
    """The text of a template, written in a thread: the first time it takes a tenth of a second."""
    return await asyncio.to_thread(lambda: templates.get_template(template).render(told))


templates.globals.update(version=__version__)
looks(templates)
