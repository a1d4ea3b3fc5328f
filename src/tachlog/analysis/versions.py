"""Which version of code and data made an answer that is kept."""

from __future__ import annotations

import os
from typing import Final

from tachlog.model import key_of

MAKERS: Final = ("analysis", "data", "pricing")
"""The packages that make answers of the figures of sessions."""


def version_of_makers() -> int:
    """Differs when what is made of figures may differ: the code, the data or the prices."""
    package = os.path.dirname(os.path.dirname(__file__))
    found = []
    for folder in MAKERS:
        for place, _, names in os.walk(os.path.join(package, folder)):
            for name in names:
                if name.endswith((".py", ".toml")):
                    path = os.path.join(place, name)
                    status = os.stat(path)
                    found.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return key_of(*sorted(found))
