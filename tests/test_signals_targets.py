"""What a tool call was about, told by its input."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import signals
from tachlog.model import digest_of

ANY_TEXT = st.text(st.characters(codec=None))
TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6"
SECRETS = [
    TOKEN,
    "sk-ant-"
    + "api03-"
    + "q8Zr2Lw5Xc7Vb9Nm4Kj1Hg6Fd3Sa0PoIuYtReWq-q8Zr2Lw5Xc7Vb9Nm4Kj1Hg6Fd3Sa0PoIuYtReWqAA",
    "AKIA" + "QWERTZ7UIOPAS2DF",
    "glpat-" + "x9Kq3Lm7Rt2Vw5Yz8Bn4",
]
SHELL_MARKS = [
    "&&",
    "||",
    "|",
    ";",
    "\n",
    "(",
    ")",
    "$(",
    "`",
    "'",
    '"',
    "\\",
    "<<EOF\n",
    "EOF",
    "#",
]
SHELL_WORDS = [
    "cd x",
    "git",
    "npm test",
    "bash -c",
    "npx",
    "uv run",
    "$x =",
    "A=1",
    "@'\n",
    "for i",
    "-",
]


def bash(command):
    """Return the target of a shell call."""
    return signals.target("Bash", json.dumps({"command": command}).encode())


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("ls -la", "ls"),
        ("cd x && FOO=1 npm test -- --watch | tee log", "npm test"),
        ("git add . && git commit -m 'a && b; c'", "git commit"),
        ("git add .", "git add"),
        (
            "git fetch && git rebase main && git push && git log",
            "git fetch && git rebase && git push",
        ),
        ("git status; git status; ls", "git status && ls"),
        ("git -C /a --no-pager log --oneline | head", "git log"),
        ("git stash pop", "git stash pop"),
        ("npm --prefix web run build", "npm run build"),
        ("pnpm --filter @a/b test", "pnpm test"),
        ("docker compose -f a.yml up -d", "docker compose up"),
        ("docker run --rm -it img sh", "docker run"),
        ("kubectl -n ns get pods", "kubectl get"),
        ("gh pr create --title 'x'", "gh pr create"),
        ("gh api repos/a/b", "gh api"),
        ("aws --profile p s3 cp a b", "aws s3 cp"),
        ("make V=1 -j8 all", "make all"),
        ("terraform apply", "terraform apply"),
        ("go mod tidy", "go mod tidy"),
        ("uv pip install x", "uv pip install"),
        ("poetry run python -m http.server", "poetry run python -m http.server"),
        ("uv run", "uv run"),
        ("npx", "npx"),
        ("python3 -m json.tool", "python -m json.tool"),
        ("python -c 'import os; print(1)'", "python"),
        ("python script.py --x", "python script.py"),
        ("python -u -W ignore a/b.py", "python b.py"),
        ("python", "python"),
        ("python -m", "python"),
        ("node server.js", "node server.js"),
        ("python manage.py migrate --fake", "python manage.py migrate"),
        ('bash -c "npm run build"', "npm run build"),
        ("bash -c ''", "bash"),
        ("bash script.sh", "bash script.sh"),
        ('bash -c \'bash -c "bash -c \\"bash -c x\\""\'', "bash"),
        ("sudo -u bob env -u B A=1 nohup ./run.sh &", "run.sh"),
        ("timeout -k 5 60 npm ci", "npm ci"),
        ("find . -name x | xargs -n1 rm", "find"),
        ("echo a | xargs -n1 rm -f", "rm"),
        ("time", "time"),
        ("nohup", "nohup"),
        ("/usr/local/bin/git status", "git status"),
        ("'C:\\tools\\rg.exe' foo", "rg"),
        ('"/opt/My App/run" --x', "run"),
        ("x=$(git rev-parse HEAD) && echo $x", "git rev-parse"),
        ('X="$(gh pr view)"', "gh pr view"),
        ("FOO=1", "FOO="),
        ("export A=b", "export"),
        ("cd /a", "cd"),
        ("echo hi; pwd", "pwd"),
        ("(cd a && npm ci) && ls", "npm ci && ls"),
        ("for f in a b; do sed -i x $f; done", "sed"),
        ("if [ -f a ]; then cat a; fi", "[ && cat"),
        ("while read l; do curl $l; done < f", "read && curl"),
        ("diff <(sort a) <(sort b)", "diff"),
        ("> out.txt", None),
        (">out.txt sort a", "sort"),
        ("2> err sort a", "sort"),
        ("# just a comment's text", None),
        ("ls # it's a comment; rm x", "ls"),
        ("# first\nls", "ls"),
        ("cat > a.md <<'EOF'\nrm -rf; \"x\nEOF\nls", "cat && ls"),
        (
            'git commit -m "$(cat <<\'EOF\'\nit\'s "x" && rm -rf\nEOF\n)" && git push',
            "git commit && git push",
        ),
        ("cat <<EOF\nnever closed", "cat"),
        ("docker run \\\n  --rm img && \\\n ls", "docker run && ls"),
        ("$x = git show a\n$y = 'lit'; Get-Item b", "git show && Get-Item"),
        ("$a = @'\nrm && x\n'@\nGet-Item a", "Get-Item"),
        ("./scripts/Run.ps1 -Sha (git rev-parse HEAD; ls) 2>&1 | Select-Object -Last 6", "Run.ps1"),
        ("$PYTHON a.py", "$PYTHON"),
        ('"EXIT: $x"', None),
        ("echo 'unclosed", "echo"),
        ("&& || ;; | ( ) ' \"", None),
        ("!!!", None),
        ("", None),
        ("  \n ", None),
    ],
)
def test_a_command_is_named_by_program_and_sub_command(command, name):
    """A line's name is what it runs, without arguments, setup and what the output is piped into."""
    found = bash(command)
    assert (found and (found.kind, found.name)) == (name and ("command", name))


def test_a_command_may_be_a_list_of_words():
    """The shell of Codex is called with words."""
    for command, name in [
        (["bash", "-lc", "cd a && npm test"], "npm test"),
        (["git", "status", 5, ""], "git status"),
        ([], None),
        ([1, 2], None),
    ]:
        found = signals.target("shell", json.dumps({"command": command}).encode())
        assert (found and found.name) == name


def test_the_whole_command_makes_the_digest():
    """Two commands of one name differ in their digest, and the field's name does not count."""
    one, other = bash("git status a"), bash("git status b")
    assert one.name == other.name
    assert one.digest != other.digest
    assert one.digest == digest_of(b"git status a")
    assert signals.target("exec_command", b'{"cmd":"git status a"}').digest == one.digest


def test_a_very_long_command_is_named_but_not_judged():
    """Past its limit a line is not read, so what its last command means is not known."""
    assert bash("ls; " * 500 + "pytest").no_kind == "check_failed"
    assert bash("ls; " * 1500 + "pytest").name == "ls"
    assert bash("ls; " * 1500 + "pytest").no_kind is None


def test_a_name_is_short_and_holds_no_secret():
    """A name has at most 120 characters, and a secret in it is gone."""
    for secret in SECRETS:
        for tool, field in [("Bash", "command"), ("Read", "file_path"), ("Task", "subagent_type")]:
            found = signals.target(tool, json.dumps({field: f"x-{secret}/y"}).encode())
            assert found is None or secret not in found.name
    assert len(bash("/".join(["abc"] * 90) + "/" + "d" * 500).name) <= 120


@pytest.mark.parametrize(
    ("path", "cwd", "name"),
    [
        ("/home/a/work/src/x.py", "/home/a/work", "src/x.py"),
        ("/home/a/work", "/home/a/work/", "."),
        ("/home/a/workshop/x.py", "/home/a/work", "~/workshop/x.py"),
        ("/Users/a/notes/x.md", "/srv/p", "~/notes/x.md"),
        ("/root/x", None, "~/x"),
        ("/etc/hosts", "/srv/p", "/etc/hosts"),
        ("/usr/share/doc/git/README", "/srv/p", "…/doc/git/README"),
        ("src/x.py", "/srv/p", "src/x.py"),
        ("./x.py", "/srv/p", "x.py"),
        ("./", "/srv/p", "."),
        ("~/x.py", "/srv/p", "~/x.py"),
        ("C:\\Users\\A\\p\\src\\x.py", "C:\\Users\\A\\p", "src/x.py"),
        ("c:/Users/A/p/x.py", "C:\\Users\\A\\p", "x.py"),
        ("D:\\data\\a\\b\\c.csv", None, "…/a/b/c.csv"),
        ("src\\x.py", None, "src/x.py"),
        (
            "/srv/p/" + "very-long-name/" * 20 + "x.py",
            "/srv/p",
            "…/very-long-name/very-long-name/x.py",
        ),
    ],
)
def test_a_file_is_named_from_where_the_agent_works(path, cwd, name):
    """A path is told below the working directory, else below home, else by its last parts."""
    found = signals.target("Read", json.dumps({"file_path": path}).encode(), cwd)
    assert (found.kind, found.name) == ("file", name)


def test_one_file_has_one_digest_whatever_the_tool():
    """Absolute, relative and roundabout paths of one file are the same target."""
    inputs = [
        ("Read", {"file_path": "/srv/p/a/x.py"}),
        ("edit", {"filePath": "/srv/p/a/x.py"}),
        ("view", {"path": "a/x.py"}),
        ("Grep", {"pattern": "y", "path": "./a/x.py"}),
        ("NotebookEdit", {"notebook_path": "/srv/p/b/../a/./x.py"}),
        ("read_file", {"absolute_path": "/srv/p/a/x.py/"}),
        ("apply_patch", {"patchText": "*** Begin Patch\n*** Update File: a/x.py\n@@\n-a"}),
        ("my_own_tool", {"file": "a/x.py"}),
    ]
    found = [signals.target(tool, json.dumps(given).encode(), "/srv/p") for tool, given in inputs]
    assert {(target.kind, target.name) for target in found} == {("file", "a/x.py")} | {
        ("file", "b/../a/./x.py")
    }
    assert len({target.digest for target in found}) == 1


@pytest.mark.parametrize(
    ("tool", "given", "kind", "name"),
    [
        ("Glob", {"pattern": "**/*.py"}, "file", "."),
        ("Grep", {"pattern": "x"}, "file", "."),
        ("LS", {"path": "/srv/p/src"}, "file", "src"),
        (
            "WebFetch",
            {"url": "https://user:pw@Docs.Example.org:8080/a?b#c"},
            "url",
            "docs.example.org:8080",
        ),
        ("fetch", {"url": "example.org/x"}, "url", "example.org"),
        ("WebSearch", {"query": "how to"}, None, None),
        ("WebFetch", {"url": ""}, None, None),
        ("Task", {"subagent_type": "Explore", "prompt": "x"}, "agent", "Explore"),
        ("spawn_agent", {"agent_type": "worker"}, "agent", "worker"),
        ("Agent", {"prompt": "x"}, None, None),
        ("mcp__play_wright__browser_click", {"ref": "e1"}, "mcp", "play_wright.browser_click"),
        ("mcp__only", {}, "mcp", "only"),
        ("TodoWrite", {"todos": []}, None, None),
        ("AskUserQuestion", {"questions": []}, None, None),
        (
            "run_commands",
            {"commands": ["npm test -- x", 7, "git push"]},
            "command",
            "npm test && git push",
        ),
        ("run_commands", {"commands": "ls"}, None, None),
        ("read_files", {"files": [7, {"path": "a.py"}, {"path": "b.py"}]}, "file", "a.py"),
        ("read_files", {"files": {}}, None, None),
        ("edit_file_v2", {"relativeWorkspacePath": "a.py"}, "file", "a.py"),
        ("custom", {"url": "http://h/x"}, "url", "h"),
        ("custom", {"command": "npm test"}, "command", "npm test"),
        ("str_replace_editor", {"command": "view", "path": "a.py"}, "file", "a.py"),
        ("write_stdin", {"session_id": 5, "chars": "y"}, None, None),
        ("Read", {"file_path": 5, "path": ["x"]}, None, None),
        ("Bash", {"command": {"a": 1}}, None, None),
        ("Bash", {"command": None, "cmd": "ls"}, "command", "ls"),
        ("Read", [], None, None),
        ("Read", None, None, None),
        (
            "apply_patch",
            "*** Begin Patch\n*** Add File: a.py\n+x\n*** Delete File: b.py\n",
            "file",
            "a.py +1",
        ),
        (
            "shell",
            {"command": ["bash", "-lc", "apply_patch <<'P'\n*** Update File: a.py\nP"]},
            "file",
            "a.py",
        ),
    ],
)
def test_a_tool_call_has_the_kind_of_target_that_its_category_says(tool, given, kind, name):
    """Files, hosts, agents and MCP tools are found whatever fields name them, or none."""
    found = signals.target(tool, json.dumps(given).encode(), "/srv/p")
    assert (found and (found.kind, found.name)) == (kind and (kind, name))


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"command":"npm test","x":"\\ud800"}', "npm test"),
        (b'{"command":"npm test \xff"}', "npm test"),
        (b'{"command":"npm test"', None),
        (b"*** Begin Patch\n*** Update File: a.py\n", "a.py"),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_a_damaged_input_is_read_as_far_as_it_goes(raw, name):
    """Lone surrogates, broken UTF-8, a raw patch and torn JSON do not raise."""
    found = signals.target("shell", raw)
    assert (found and found.name) == name


@given(
    st.sampled_from(["Bash", "Read", "Grep", "WebFetch", "Task", "mcp__a__b", "x", "TodoWrite"]),
    st.binary()
    | st.dictionaries(
        st.sampled_from(["command", "file_path", "url", "subagent_type", "patch", "workdir"]),
        ANY_TEXT | st.integers() | st.lists(ANY_TEXT) | st.none(),
    ).map(lambda given: json.dumps(given).encode()),
    st.none() | ANY_TEXT,
)
def test_any_input_has_a_target_or_none(tool, raw, cwd):
    """No input raises, and a name is short, in one line and valid UTF-8."""
    found = signals.target(tool, raw, cwd)
    if found is not None:
        assert len(found.name.encode()) <= 4 * 120
        assert len(found.name) <= 120
        assert 0 <= found.digest < 1 << 63


@given(st.lists(st.sampled_from(SHELL_MARKS + SHELL_WORDS) | st.text(max_size=5)).map(" ".join))
def test_any_command_line_is_read(command):
    """No arrangement of shell syntax raises, and the mask of codes fits an SQL integer."""
    found = bash(command)
    assert found is None or (found.name and 0 <= found.no_codes < 1 << 63)


@pytest.mark.parametrize(
    "word", ["npx ", "sudo ", "bash -c '", "$(", '"$(', "(", "<<E\n", "x=$(", "env -u ", "'"]
)
def test_nested_syntax_is_read_to_a_limit(word):
    """Deeply nested runners, wrappers and substitutions neither raise nor take long."""
    assert bash(word * 20_000) is None or bash(word * 20_000).name
