"""What commands print in the invented projects, when they work and when they fail."""

from __future__ import annotations

import msgspec

from tachlog.demo.team import Language


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command line, what it prints, and how it ends; `languages` are those of its projects.

    `took_ms` is None for any usual time. The texts are filled in by `Workbench.fill`.
    """

    line: str
    description: str
    output: str
    exit_code: int = 0
    error_class: str = ""
    took_ms: int | None = None
    languages: tuple[Language, ...] = ("ts", "py", "go")


REJECTION = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it "
    "was a file edit, the new_string was NOT written to the file). STOP what you are doing and "
    "wait for the user to tell you how to proceed."
)

ROUTINE = (
    Command(
        line="git status",
        description="Show working tree status",
        output=(
            'On branch feat/{noun}\nChanges not staged for commit:\n  (use "git add <file>..." '
            "to update what will be committed)\n\tmodified:   {file}\n\nno changes added to "
            'commit (use "git add" and/or "git commit -a")'
        ),
    ),
    Command(
        line="git diff --stat",
        description="Show what changed",
        output=(
            " {file} | 14 ++++++++------\n {other_file} | 31 +++++++++++++++++++++++++++++++\n 2 "
            "files changed, 39 insertions(+), 6 deletions(-)"
        ),
    ),
    Command(
        line="git log --oneline -8",
        description="Show recent commits",
        output=(
            "9f31c02 {noun}: check the version on every write\n51b7e90 tests: one fixture per "
            "test\ne0d4a7b docs: how the {noun} is rounded\n7c2fd11 bump dependencies\n3aa90de "
            "ci: run the suite twice\nb61e5f4 {noun}: list in pages\n08c7d2a fix a typo\n4d1b3c9 "
            "release 4.2.0"
        ),
    ),
    Command(
        line="ls -la",
        description="List the project",
        output=(
            "total 48\ndrwxr-xr-x 12 dev dev 4096 Nov  2 09:14 .\ndrwxr-xr-x  9 dev dev 4096 Nov  "
            "2 09:14 ..\ndrwxr-xr-x  2 dev dev 4096 Oct 28 16:40 {noun}\ndrwxr-xr-x  2 dev dev "
            "4096 Oct 11 10:02 db\n-rw-r--r--  1 dev dev  812 Oct 11 10:02 README.md"
        ),
    ),
    Command(
        line="wc -l $(git ls-files | head -40) | tail -1",
        description="Count lines",
        output="  5183 total",
    ),
    Command(
        line='git add -A && git commit -m "{noun}: validate in one place"',
        description="Commit the change",
        output=(
            "[feat/{noun} 2c9d1e4] {noun}: validate in one place\n 3 files changed, 48 "
            "insertions(+), 11 deletions(-)"
        ),
    ),
    Command(
        line="docker compose ps",
        description="Show running containers",
        output=(
            "NAME             IMAGE         STATUS         PORTS\nteam-cache-1     redis:7       "
            "Up 3 hours     6379/tcp"
        ),
    ),
    Command(
        line="sed -n '40,80p' docs/{noun}.md",
        description="Read part of the documentation",
        output=(
            "## Rounding\n\nAmounts are rounded once, half to even, when the {noun} is written.\n"
            "\n## Versions\n\nEvery write raises the version by one. A writer that has read an "
            "older\nversion gets a conflict and may read again and retry once."
        ),
    ),
)

FAILURES = (
    Command(
        line="go run ./cmd/replay --day 2026-10-30",
        description="Replay a day of traffic",
        output=(
            "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 "
            "[running]:\nmain.main()\n\t{cwd}/cmd/replay/main.go:41 +0x1d\nexit status 2"
        ),
        exit_code=2,
        error_class="command_failed",
        languages=("go",),
    ),
    Command(
        line="node scripts/report.mjs --month 2026-10",
        description="Write the monthly report",
        output=(
            "file://{cwd}/scripts/report.mjs:31\n  const total = rows.reduce((sum, row) => sum + "
            "row.{noun}.amount, 0);\n                                                    ^\n\n"
            "TypeError: Cannot read properties of undefined (reading 'amount')\n    at "
            "file://{cwd}/scripts/report.mjs:31:52\n    at Array.reduce (<anonymous>)"
        ),
        exit_code=1,
        error_class="command_failed",
        languages=("ts",),
    ),
    Command(
        line="make generate",
        description="Generate code",
        output=(
            'internal/{noun}/gen.go:12: running "stringer": exit status 1\nmake: *** '
            "[Makefile:14: generate] Error 1"
        ),
        exit_code=2,
        error_class="command_failed",
        languages=("go",),
    ),
    Command(
        line="jq '.totals' out/{noun}.json",
        description="Show the totals",
        output="/bin/bash: line 1: jq: command not found",
        exit_code=127,
        error_class="not_found",
    ),
    Command(
        line="npm run dev",
        description="Start the development server",
        output=(
            "Command timed out after 2m 0.0s\n> shop@4.2.0 dev\n> vite\n\n  VITE ready in 611 ms"
        ),
        exit_code=143,
        error_class="timeout",
        took_ms=120_050,
        languages=("ts",),
    ),
    Command(
        line="./scripts/backup.sh",
        description="Back up before the change",
        output="/bin/bash: line 1: ./scripts/backup.sh: Permission denied",
        exit_code=126,
        error_class="permission_denied",
    ),
    Command(
        line="python -m billing.jobs.close --month 2026-10",
        description="Close the month",
        output=(
            'Traceback (most recent call last):\n  File "{cwd}/billing/jobs/close.py", line 57, '
            'in main\n    total += row["amount"]\nTypeError: unsupported operand type(s) for '
            "+=: 'decimal.Decimal' and 'NoneType'"
        ),
        exit_code=1,
        error_class="command_failed",
        languages=("py",),
    ),
    Command(
        line="flask --app billing run --port 8080",
        description="Start the service",
        output=(
            "Command timed out after 2m 0.0s\n * Serving Flask app 'billing'\n * Running on "
            "http://127.0.0.1:8080"
        ),
        exit_code=143,
        error_class="timeout",
        took_ms=120_050,
        languages=("py",),
    ),
)

PASSING_CHECKS = {
    "npm test": (
        "\n> shop@4.2.0 test\n> vitest run\n\n ✓ src/cart/cart.test.ts (24)\n ✓ "
        "src/{noun}/{noun}.test.ts (18)\n\n Test Files  31 passed (31)\n      Tests  {passed} "
        "passed ({passed})\n   Duration  {seconds}s"
    ),
    "npm run lint": "\n> shop@4.2.0 lint\n> eslint . --max-warnings 0\n",
    "pytest -q": (
        "........................................................................ [ 61%]\n"
        ".............................................                            [100%]\n"
        "{passed} passed in {seconds}s"
    ),
    "ruff check .": "All checks passed!",
    "go test ./...": (
        "ok  \texample.test/platform/internal/{noun}\t{seconds}s\nok  "
        "\texample.test/platform/internal/router\t0.412s\nok  "
        "\texample.test/platform/internal/health\t(cached)"
    ),
    "golangci-lint run": "0 issues.",
}

FAILING_CHECKS = {
    "npm test": (
        "\n> shop@4.2.0 test\n> vitest run\n\n ❯ src/{noun}/{noun}.test.ts (18 tests | {failed} "
        "failed)\n   × {noun} > keeps the total when two rules apply\n     → expected 1999 to be "
        "2000\n\n Test Files  1 failed | 30 passed (31)\n      Tests  {failed} failed | {passed} "
        "passed ({total})\n   Duration  {seconds}s"
    ),
    "npm run lint": (
        "\n> shop@4.2.0 lint\n> eslint . --max-warnings 0\n\n"
        "/home/dev/code/shop/src/{noun}/{noun}.ts\n  41:9  error  '{noun}Rule' is assigned a "
        "value but never used  @typescript-eslint/no-unused-vars\n\n✖ {failed} problems ({failed} "
        "errors, 0 warnings)"
    ),
    "pytest -q": (
        "..............F.........................................                 [100%]\n"
        "=================================== FAILURES ===================================\n"
        "_______________________________ test_{noun}_rounding ______________________________\n\n  "
        "  def test_{noun}_rounding(store):\n>       assert store.get('a').rounded().amount == "
        "Decimal('10.12')\nE       AssertionError: assert Decimal('10.13') == Decimal('10.12')\n\n"
        "tests/test_{noun}.py:88: AssertionError\n=========================== short test summary "
        "info ============================\nFAILED tests/test_{noun}.py::test_{noun}_rounding\n"
        "{failed} failed, {passed} passed in {seconds}s"
    ),
    "ruff check .": (
        "F401 [*] `decimal.Decimal` imported but unused\n --> src/billing/{noun}.py:7:21\n\nFound "
        "{failed} errors.\n[*] 1 fixable with the `--fix` option."
    ),
    "go test ./...": (
        "--- FAIL: TestAllow{noun} (0.02s)\n    {noun}_test.go:61: allowed 12 requests, want 10\n"
        "FAIL\nFAIL\texample.test/platform/internal/{noun}\t{seconds}s\nok  "
        "\texample.test/platform/internal/router\t0.398s\nFAIL"
    ),
    "golangci-lint run": (
        "internal/{noun}/{noun}.go:44:2: ineffectual assignment to err (ineffassign)\n\terr := "
        "s.load(ctx)\n\t^\n{failed} issues:\n* ineffassign: {failed}"
    ),
}
