"""What commands print in the invented projects, when they work and when they fail."""

from __future__ import annotations

REJECTION = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was "
    "a file edit, the new_string was NOT written to the file). STOP what you are doing and wait "
    "for the user to tell you how to proceed."
)

ROUTINE = (
    (
        "git status",
        "Show working tree status",
        'On branch feat/{noun}\nChanges not staged for commit:\n  (use "git add <file>..." to '
        "update what will be committed)\n\tmodified:   src/{noun}/{noun}.ts\n\nno changes added to "
        'commit (use "git add" and/or "git commit -a")',
    ),
    (
        "git diff --stat",
        "Show what changed",
        " src/{noun}/{noun}.ts      | 14 ++++++++------\n src/{noun}/{noun}.test.ts | 31 +++++++"
        "++++++++++++++++++++++++\n 2 files changed, 39 insertions(+), 6 deletions(-)",
    ),
    (
        "git log --oneline -8",
        "Show recent commits",
        "9f31c02 {noun}: check the version on every write\n51b7e90 tests: one fixture per test\n"
        "e0d4a7b docs: how the {noun} is rounded\n7c2fd11 bump dependencies\n3aa90de ci: run the "
        "suite twice\nb61e5f4 {noun}: list in pages\n08c7d2a fix a typo\n4d1b3c9 release 4.2.0",
    ),
    (
        "ls -la src",
        "List source directory",
        "total 48\ndrwxr-xr-x 12 dev dev 4096 Nov  2 09:14 .\ndrwxr-xr-x  9 dev dev 4096 Nov  2 "
        "09:14 ..\ndrwxr-xr-x  2 dev dev 4096 Oct 28 16:40 {noun}\ndrwxr-xr-x  2 dev dev 4096 Oct "
        "11 10:02 db\n-rw-r--r--  1 dev dev  812 Oct 11 10:02 index.ts",
    ),
    (
        "wc -l $(git ls-files | head -40) | tail -1",
        "Count lines",
        "  5183 total",
    ),
    (
        'git add -A && git commit -m "{noun}: validate in one place"',
        "Commit the change",
        "[feat/{noun} 2c9d1e4] {noun}: validate in one place\n 3 files changed, 48 insertions(+), "
        "11 deletions(-)",
    ),
    (
        "docker compose ps",
        "Show running containers",
        "NAME             IMAGE         STATUS         PORTS\nwork-cache-1     redis:7       Up 3 "
        "hours     6379/tcp",
    ),
    (
        "sed -n '40,80p' docs/{noun}.md",
        "Read part of the documentation",
        "## Rounding\n\nAmounts are rounded once, half to even, when the {noun} is written.\n\n"
        "## Versions\n\nEvery write raises the version by one. A writer that has read an older\n"
        "version gets a conflict and may read again and retry once.",
    ),
)

PASSING_CHECKS = {
    "npm test": "\n> shop@4.2.0 test\n> vitest run\n\n ✓ src/cart/cart.test.ts (24)\n ✓ src/{noun}/"
    "{noun}.test.ts (18)\n\n Test Files  31 passed (31)\n      Tests  {passed} passed ({passed})\n"
    "   Duration  {seconds}s",
    "npm run lint": "\n> shop@4.2.0 lint\n> eslint . --max-warnings 0\n",
    "pytest -q": "........................................................................ [ 61%]\n"
    ".............................................                            [100%]\n{passed} "
    "passed in {seconds}s",
    "ruff check .": "All checks passed!",
    "go test ./...": "ok  \texample.test/platform/internal/{noun}\t{seconds}s\nok  \texample.test/"
    "platform/internal/router\t0.412s\nok  \texample.test/platform/internal/health\t(cached)",
    "golangci-lint run": "0 issues.",
}

FAILING_CHECKS = {
    "npm test": "\n> shop@4.2.0 test\n> vitest run\n\n ❯ src/{noun}/{noun}.test.ts (18 tests | "
    "{failed} failed)\n   × {noun} > keeps the total when two rules apply\n     → expected 1999 to "
    "be 2000\n\n Test Files  1 failed | 30 passed (31)\n      Tests  {failed} failed | {passed} "
    "passed ({total})\n   Duration  {seconds}s",
    "npm run lint": "\n> shop@4.2.0 lint\n> eslint . --max-warnings 0\n\n/home/dev/work/shop/src/"
    "{noun}/{noun}.ts\n  41:9  error  '{noun}Rule' is assigned a value but never used  "
    "@typescript-eslint/no-unused-vars\n\n✖ {failed} problems ({failed} errors, 0 warnings)",
    "pytest -q": "..............F.........................................                 [100%]\n"
    "=================================== FAILURES ===================================\n"
    "_______________________________ test_{noun}_rounding ______________________________\n\n"
    "    def test_{noun}_rounding(store):\n>       assert store.get('a').rounded().amount == "
    "Decimal('10.12')\nE       AssertionError: assert Decimal('10.13') == Decimal('10.12')\n\n"
    "tests/test_{noun}.py:88: AssertionError\n=========================== short test summary info "
    "============================\nFAILED tests/test_{noun}.py::test_{noun}_rounding\n{failed} "
    "failed, {passed} passed in {seconds}s",
    "ruff check .": "F401 [*] `decimal.Decimal` imported but unused\n --> src/billing/{noun}.py:7:"
    "21\n\nFound {failed} errors.\n[*] 1 fixable with the `--fix` option.",
    "go test ./...": "--- FAIL: TestAllow{noun} (0.02s)\n    {noun}_test.go:61: allowed 12 "
    "requests, want 10\nFAIL\nFAIL\texample.test/platform/internal/{noun}\t{seconds}s\n"
    "ok  \texample.test/platform/internal/router\t0.398s\nFAIL",
    "golangci-lint run": "internal/{noun}/{noun}.go:44:2: ineffectual assignment to err "
    "(ineffassign)\n\terr := s.load(ctx)\n\t^\n{failed} issues:\n* ineffassign: {failed}",
}

# Command, description, exit code, output, error class, milliseconds (None: any).
FAILURES: tuple[tuple[str, str, int, str, str, int | None], ...] = (
    (
        "go run ./cmd/replay --day 2026-10-30",
        "Replay a day of traffic",
        2,
        "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\n"
        "main.main()\n\t/srv/work/platform/cmd/replay/main.go:41 +0x1d\nexit status 2",
        "command_failed",
        None,
    ),
    (
        "node scripts/report.mjs --month 2026-10",
        "Write the monthly report",
        1,
        "file:///home/dev/work/shop/scripts/report.mjs:31\n  const total = rows.reduce((sum, row) "
        "=> sum + row.{noun}.amount, 0);\n                                                    ^\n\n"
        "TypeError: Cannot read properties of undefined (reading 'amount')\n    at file:///home/dev/"
        "work/shop/scripts/report.mjs:31:52\n    at Array.reduce (<anonymous>)",
        "command_failed",
        None,
    ),
    (
        "make generate",
        "Generate code",
        2,
        'internal/{noun}/gen.go:12: running "stringer": exit status 1\nmake: *** [Makefile:14: '
        "generate] Error 1",
        "command_failed",
        None,
    ),
    (
        "jq '.totals' out/{noun}.json",
        "Show the totals",
        127,
        "/bin/bash: line 1: jq: command not found",
        "not_found",
        None,
    ),
    (
        "npm run dev",
        "Start the development server",
        143,
        "Command timed out after 2m 0.0s\n> shop@4.2.0 dev\n> vite\n\n  VITE ready in 611 ms",
        "timeout",
        120_050,
    ),
    (
        "./scripts/backup.sh",
        "Back up before the change",
        126,
        "/bin/bash: line 1: ./scripts/backup.sh: Permission denied",
        "permission_denied",
        None,
    ),
)
