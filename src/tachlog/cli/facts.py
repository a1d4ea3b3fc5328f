"""What `tachlog --version` tells: the version, what it was built from, what it runs on."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from importlib import metadata, resources
from importlib.util import find_spec
from typing import Final

from tachlog import __version__

BUILT: Final = "built.txt"
"""The commit and the day of a build, in the wheel beside the data; an editable install has none."""

EXTRAS: Final = {
    "postgres": ("psycopg",),
    "sql": ("sqlalchemy", "pymysql"),
    "remote": ("fsspec", "s3fs"),
    "parquet": ("pyarrow",),
    "analytics": ("duckdb",),
    "dataframes": ("pandas", "polars"),
    "mcp": ("mcp",),
}
"""The modules by which an extra is known to be installed."""


def version_facts() -> Iterator[str]:
    """The lines that a report of a fault should begin with."""
    built = resources.files("tachlog").joinpath("data", BUILT)
    of = f" ({built.read_text('utf-8').strip()})" if built.is_file() else ""
    yield f"tachlog {__version__}{of}"
    yield (
        f"Python {platform.python_version()} ({platform.python_implementation()}), SQLite"
        f" {sqlite3.sqlite_version}, {platform.system()} {platform.machine()}"
    )
    prices = metadata.version("genai-prices")
    known = [name for name, modules in EXTRAS.items() if all(map(find_spec, modules))]
    yield f"prices: genai-prices {prices}; extras: {', '.join(known) or 'none'}"
