"""What the guides tell people to type works, as it stands, one after the other."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
GUIDES = ("first-hour.md", "team.md")
INSTALLS = "pip install"
"""What is told of installing stands in the environment of the tests already."""


def commands(guide: str) -> list[str]:
    """The blocks of a guide that are to be typed; other blocks show what is only sketched."""
    text = (DOCS / guide).read_text("utf-8")
    return list(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize("guide", GUIDES)
def test_the_commands_of_a_guide_run(guide: str, home: Path) -> None:
    """Each line ends well, prints something, and says nothing on standard error."""
    scripts = sysconfig.get_path("scripts")
    environ = {"HOME": str(home), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    blocks = [block for block in commands(guide) if not block.startswith(INSTALLS)]
    assert blocks
    kept = home / "shell"
    kept.write_text("")
    for block in blocks:
        for line in block.splitlines():
            script = f". {kept}; {line}\ncode=$?; declare -p id > {kept} 2>/dev/null; exit $code"
            ran = subprocess.run(
                ["bash", "-c", script],
                cwd=home,
                env=environ,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert (ran.returncode, ran.stderr) == (0, ""), line
            assert ran.stdout or "=" in line.split(" ")[0], line


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_of_a_page_lead_to_files(page: str) -> None:
    """Every page that a page links to is there, and so is the place in it."""
    for target, _, place in re.findall(
        r"\]\(([\w./-]*)(#([\w-]+))?\)", (DOCS / page).read_text("utf-8")
    ):
        path = DOCS / target if target else DOCS / page
        assert path.exists(), target
        if place and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            names = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
            assert place in names, f"{target}#{place}"
