"""Shells complete the command, `man` shows its page, `--version` tells what it is."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from conftest import Run
from tachlog import __version__
from tachlog.cli.verbs import VERBS

ROOT = Path(__file__).resolve().parents[1]
BOTH = """source {script}; {before} COMP_WORDS=(tachlog {words} ''); COMP_CWORD={place}; _tachlog
printf '%s\\n' "${{COMPREPLY[@]}}" """


def completions(shell: str, script: Path, words: str) -> set[str]:
    """What a shell offers behind `tachlog` and these words."""
    if shell == "fish":
        asked = f"source {script}; complete -C 'tachlog {words} '"
    else:
        before = "setopt ksharrays;" if shell == "zsh" else ""
        place = len(words.split()) + 1
        asked = BOTH.format(script=script, before=before, words=words, place=place)
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    ran = subprocess.run(
        [shell, *flags, "-c", asked], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr == ""
    return {line.split("\t")[0].strip() for line in ran.stdout.splitlines() if line.strip()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs_flags_and_choices(
    shell: str, tachlog: Run, tmp_path: Path
) -> None:
    """Verbs first, then a verb's own flags and the values of its places, then those of a flag."""
    assert shutil.which(shell), f"{shell} is missing: make test installs it"
    script = tmp_path / "script"
    script.write_text(tachlog("completion", shell).stdout)
    verbs = {verb.name for verb in VERBS if verb.name}
    assert completions(shell, script, "") >= verbs
    assert "prune" in completions(shell, script, "db")
    assert {"day", "model", "pr"} <= completions(shell, script, "cost --by")
    assert "--by" not in completions(shell, script, "cost --by")


def test_the_page_of_man_is_sound() -> None:
    """The formatter of manual pages has nothing to warn of, and shows every verb."""
    page = ROOT / "docs/tachlog.1"
    ran = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", str(page)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stderr == ""
    shown = " ".join(ran.stdout.split())
    assert [verb.usage for verb in VERBS if verb.name and verb.usage not in shown] == []


def test_the_version_tells_what_runs(tachlog: Run) -> None:
    """The version, what it was built from where that is known, Python, prices and extras."""
    first, second, third = tachlog("--version").stdout.splitlines()
    built = r"( \([0-9a-f]{7,}, \d{4}-\d\d-\d\d(, changed since)?\))?"
    assert re.fullmatch(f"tachlog {re.escape(__version__)}{built}", first)
    assert second.startswith(f"Python {sys.version.split()[0]} ")
    assert f"genai-prices {metadata.version('genai-prices')}" in third
    assert "postgres" in third


def test_a_wheel_has_its_commit_and_the_page_of_man(request: pytest.FixtureRequest) -> None:
    """What is built from a checkout says of which commit, and brings its manual page."""
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if not wheels and not request.config.getoption("--wheel"):
        pytest.skip("nothing was built here; make test builds a wheel")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        names = wheel.namelist()
        assert any(name.endswith("share/man/man1/tachlog.1") for name in names)
        if (ROOT / ".git").exists():
            note = wheel.read("tachlog/data/built.txt").decode()
            assert re.match(r"[0-9a-f]{7,}, \d{4}-\d\d-\d\d", note)
