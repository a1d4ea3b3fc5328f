"""What is handed out: its size, and at which versions."""

import re
from importlib import metadata
from pathlib import Path

import lowest

ROOT = Path(__file__).resolve().parents[1]


def plain(name: str) -> str:
    """A distribution's name in its plain form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def plain_install() -> dict[str, metadata.Distribution]:
    """Tachlog and all that it needs without extras, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = ["tachlog"]
    while waiting:
        name = plain(waiting.pop())
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # what another system or version of Python needs
        if name not in found:
            found[name] = distribution
            needed = [each for each in distribution.requires or [] if "extra ==" not in each]
            waiting += [re.split(r"[ ;<>=!~\[(]", each)[0] for each in needed]
    return found


def test_the_readme_tells_the_size_of_an_install() -> None:
    """Tachlog and what it brings take about as much as the README says."""
    told = re.search(r"takes (\d+) MB", (ROOT / "README.md").read_text("utf-8"))
    assert told
    size = sum(
        Path(str(file.locate())).stat().st_size
        for distribution in plain_install().values()
        for file in distribution.files or []
        if Path(str(file.locate())).is_file() and "__pycache__" not in str(file)
    )
    assert abs(size / 1e6 - int(told[1])) < 0.15 * int(told[1]), size


def test_every_dependency_is_pinned_with_its_digests() -> None:
    """`requirements.lock` has a version that is allowed, and digests, of each."""
    lock = (ROOT / "requirements.lock").read_text()
    pinned = {
        plain(name): version
        for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", lock, re.MULTILINE)
    }
    assert len(re.findall(r"\\\n    --hash=", lock)) >= len(pinned)
    for name, version in lowest.lowest().items():
        assert lowest.order(pinned[plain(name)]) >= lowest.order(version), name
    assert "://" not in lock
