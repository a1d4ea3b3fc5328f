"""Print constraints that hold each dependency at the lowest version that pyproject.toml allows.

`make lowest` runs the tests with them. Left out is opentelemetry-proto: the exporters that tests
send with take it at their own version alone.
"""

import re
import tomllib
from pathlib import Path

LEFT_OUT = {"opentelemetry-proto"}


def lowest() -> dict[str, str]:
    """The lower bound of each dependency, and of each of an extra, by name."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    listed = [project["dependencies"], *project["optional-dependencies"].values()]
    found: dict[str, str] = {}
    for requirement in (each for every in listed for each in every):
        told = re.match(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)", requirement)
        if told and told[1] not in LEFT_OUT:
            found[told[1]] = max(found.get(told[1], "0"), told[2], key=order)
    return found


def order(version: str) -> list[int]:
    """A version as numbers, for comparing."""
    return [int(part) for part in version.split(".") if part.isdecimal()]


if __name__ == "__main__":
    print("\n".join(f"{name}=={version}" for name, version in lowest().items()))
