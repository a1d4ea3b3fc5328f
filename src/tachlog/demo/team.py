"""The small team whose work the example logs tell: its projects and its tasks, all invented."""

from __future__ import annotations

from typing import Literal

import msgspec

Language = Literal["ts", "py", "go"]


class Task(msgspec.Struct, frozen=True):
    """A piece of work: what it is called, where it is done, what the person types."""

    title: str
    branch: str
    prompts: tuple[str, ...]
    topics: tuple[str, ...]


class Project(msgspec.Struct, frozen=True):
    """A code base, its commands, and the nouns its files are about."""

    name: str
    cwd: str
    language: Language
    remote: str
    test: str
    lint: str
    build: str
    nouns: tuple[str, ...]
    tasks: tuple[Task, ...]


SHOP = Project(
    name="shop",
    cwd="/home/dev/code/shop",
    language="ts",
    remote="https://github.com/example-team/shop",
    test="npm test",
    lint="npm run lint",
    build="npm run build",
    nouns=("cart", "checkout", "coupon", "payment", "shipping", "inventory", "order", "refund"),
    tasks=(
        Task(
            "Flaky checkout test",
            "fix/checkout-flake",
            (
                "the checkout test fails about every fifth run on CI, find out why and fix it",
                "can you check whether the payment mock is reset between tests?",
                "good. now run the whole suite three times to be sure",
                "commit this and open a PR",
            ),
            ("payment", "checkout"),
        ),
        Task(
            "Coupon stacking rules",
            "feat/coupon-stacking",
            (
                "Customers can combine two percentage coupons. They should not: only one "
                "percentage coupon per order, fixed amounts can be stacked up to the order total.",
                "what happens with an expired coupon that is already in the cart?",
                "add tests for the expired case too",
                "looks good, update the changelog",
            ),
            ("coupon", "cart"),
        ),
        Task(
            "Upgrade the date picker",
            "chore/date-picker",
            (
                "upgrade the date picker to the next major version and fix what breaks",
                "the delivery date shows one day early for users west of Greenwich, is that us?",
                "run the type checker again",
            ),
            ("shipping", "order"),
        ),
        Task(
            "Slow order list",
            "perf/order-list",
            (
                "GET /orders takes 4 seconds for big customers. Find the reason.",
                "add the index and show me the query plan before and after",
                "page through the results as well, 50 per page",
                "write it up in docs/performance.md",
            ),
            ("order", "inventory"),
        ),
    ),
)

BILLING = Project(
    name="billing",
    cwd="/home/dev/code/billing",
    language="py",
    remote="https://github.com/example-team/billing",
    test="pytest -q",
    lint="ruff check .",
    build="python -m build",
    nouns=("invoice", "ledger", "tax", "dunning", "account", "posting", "currency", "export"),
    tasks=(
        Task(
            "Migrate invoices to the new ledger",
            "feat/ledger-migration",
            (
                "We have to move all invoices from the old invoices table to the new double-entry "
                "ledger. Read docs/ledger.md first and make a plan, do not write code yet.",
                "the plan is fine. start with the posting model and its tests",
                "now the migration script. It must be restartable and must not lock the table.",
                "rounding: use banker's rounding everywhere, the tax office insists",
                "run the migration against the copy of production and compare the sums",
                "please continue with the remaining steps",
                "add a dry run mode and commit",
            ),
            ("ledger", "posting"),
        ),
        Task(
            "Add VAT export",
            "feat/vat-export",
            (
                "add an export of the monthly VAT figures as CSV, format in docs/vat.md",
                "reverse charge invoices need their own column",
                "great, also add it to the nightly job",
            ),
            ("tax", "export"),
        ),
        Task(
            "Reminder mails are sent twice",
            "fix/double-dunning",
            (
                "some customers got the second payment reminder twice last night, why?",
                "fix it so that it can never be sent twice even if the job runs in parallel",
                "which customers were affected? give me the query",
            ),
            ("dunning", "account"),
        ),
        Task(
            "Type check the currency module",
            "chore/strict-currency",
            (
                "make mypy --strict pass for the currency module",
                "no Any please, use a TypedDict",
                "ok commit",
            ),
            ("currency", "posting"),
        ),
    ),
)

PLATFORM = Project(
    name="platform",
    cwd="/srv/code/platform",
    language="go",
    remote="https://github.com/example-team/platform",
    test="go test ./...",
    lint="golangci-lint run",
    build="go build ./...",
    nouns=("gateway", "quota", "session", "router", "health", "deploy", "secret", "metric"),
    tasks=(
        Task(
            "Rate limits per tenant",
            "feat/tenant-quota",
            (
                "the gateway limits requests per IP, we need limits per tenant with a burst",
                "use a token bucket and keep it in memory, no Redis for now",
                "what does it cost per request? write a benchmark",
                "fine. document the two settings",
            ),
            ("quota", "gateway"),
        ),
        Task(
            "Health check lies",
            "fix/health-check",
            (
                "/healthz says ok while the database is down. It should answer 503 after 10 s.",
                "does the load balancer honour it? look at the terraform files",
            ),
            ("health", "router"),
        ),
        Task(
            "Deploy script for staging",
            "chore/staging-deploy",
            (
                "write a deploy script for staging that waits until the new pods are ready",
                "it should roll back by itself when they are not ready in 5 minutes",
                "try it with --dry-run",
            ),
            ("deploy", "secret"),
        ),
    ),
)

PROJECTS = (SHOP, BILLING, PLATFORM)

THOUGHTS = (
    "The user wants me to look into this. I should first find where {noun} is handled, then read "
    "the tests that cover it, and only then decide what to change.",
    "The failing assertion compares the total after rounding. The two call sites round at "
    "different moments, so the sum of the rounded parts differs from the rounded sum. The simplest "
    "correct change is to round once, at the end.",
    "There are two places that could cause this: the cache in front of the {noun} store, and the "
    "retry in the client. The timestamps in the log suggest the second one, because the duplicates "
    "are exactly one retry interval apart. Let me verify that before I touch anything.",
    "Before changing the signature I need to know who calls it. A search over the whole repository "
    "is cheap.",
    "The test passes alone and fails in the suite, so some state is shared. Candidates: the module "
    "level registry, the fake clock, and the {noun} fixture with session scope.",
    "The file has changed since I read it, so my replacement no longer matches. I will read it "
    "again and make the edit smaller.",
    "I have what I need. The change is small: one new function, one call, and two tests. I must "
    "keep the old behaviour for callers that pass nothing.",
    "Let me think about the edge cases: an empty {noun}, one with a single entry, and one that is "
    "being changed while it is read. The second one is already covered by the existing tests.",
)

# What the agent says before a call of a tool; other tools are called without a word.
SAYINGS = {
    "Read": (
        "I'll start by looking at how {noun} is handled today.",
        "Let me check the tests first.",
        "I need to see the configuration as well.",
    ),
    "Grep": (
        "I'm looking for other callers of this function.",
        "Let me see who else uses the {noun}.",
    ),
    "Edit": (
        "Now I'll make the change.",
        "The cause is clear now: the {noun} is updated before the lock is taken.",
        "That did not work. Retrying with a smaller edit.",
        "Let me try an alternative: read the value once and pass it on instead.",
    ),
    "Bash": (
        "Let me check that.",
        "Let me see where we are.",
        "Running it once more to be sure.",
    ),
    "AskUserQuestion": ("One thing is unclear, so I would rather ask.",),
}

SUMMARIES = (
    "Done. What changed:\n\n- `{noun}` is now validated in one place, and both callers use it\n"
    "- two new tests cover the empty and the expired case\n- the suite passes\n\nI did not touch "
    "the migration files. Tell me if you want me to commit this.",
    "The reason was a shared fixture: the {noun} of one test was still there when the next one "
    "began. The fixture is now created per test. I ran the suite three times and it passed each "
    "time.",
    "The query used a sequential scan because the index was on the wrong column order. With the "
    "new index the slowest request goes from 4.1 s to 80 ms. Details are in the pull request text.",
    "I could not reproduce it with the current data. It is unclear whether the {noun} may be empty "
    "here: should an empty one be rejected, or treated as zero? Please tell me which, then I will "
    "finish it.",
    "All steps are done and the checks pass. Open points: the {noun} documentation still shows the "
    "old format, and the nightly job needs the new setting before it is deployed.",
)

SUB_TASKS = (
    (
        "Explore",
        "Find all uses of {noun}",
        "Find every place in this repository that reads or writes the {noun}. Report file, line "
        "and whether it goes through the repository class. Be thorough, do not change anything.",
    ),
    (
        "code-reviewer",
        "Review the {noun} change",
        "Review the uncommitted changes around {noun} for mistakes: rounding, locking, missing "
        "tests. Report only what is certain, with file and line.",
    ),
    (
        "test-runner",
        "Run the {noun} tests",
        "Run the tests that touch {noun}, three times. Report which fail, and whether they fail "
        "each time.",
    ),
)

COMPACTION_SUMMARY = (
    "This session is being continued from a previous conversation that ran out of context. The "
    "summary below covers the earlier portion of the conversation.\n\nSummary:\n1. Primary Request "
    "and Intent:\n   {request}\n\n2. Key Technical Concepts:\n   - one module per {noun}\n   - "
    "amounts are integers in the smallest unit\n   - every change has a test\n\n3. Files and Code "
    "Sections:\n{files}\n\n4. Errors and fixes:\n   - an edit did not match because the file had "
    "changed; it was read again\n\n5. Pending Tasks:\n   - finish the tests\n   - update the "
    "documentation\n\n6. Current Work:\n   The {noun} part is written, its tests are next."
)
