"""Tools that reach beyond the files of a project: plans, the web, other services, the person."""

from __future__ import annotations

from tachlog.demo.dice import Quantiles
from tachlog.demo.workbench import EDIT_MS, PERSON_MS, Tool, Workbench

WEB_MS: Quantiles = ((0, 700), (0.5, 2_300), (0.9, 6_000), (0.99, 14_000), (1, 22_000))
STEPS = ("Read the code", "Change the {noun}", "Add tests", "Run the suite", "Update the docs")
PAGES = (
    "date-fns.example/docs/v4",
    "postgres.example/docs/indexes",
    "vitest.example/guide/mocking",
)


def plan(bench: Workbench) -> Tool:
    """Keep a list of steps: the whole list in older versions, one task at a time in newer ones."""
    step = bench.fill(STEPS[bench.planned % len(STEPS)])
    bench.planned += 1
    if not bench.dialect.plans_with_tasks:
        return _todo_list(bench)
    took_ms, task = bench.dice.spread(EDIT_MS), str((bench.planned + 1) // 2)
    if bench.planned % 2:
        call = Tool(
            "TaskCreate",
            {"subject": step, "description": step, "activeForm": f"Working: {step}"},
            took_ms=took_ms,
        )
        created = {"task": {"id": task, "subject": step}}
        return bench.answered(call, f"Task #{task} created successfully: {step}", created)
    call = Tool("TaskUpdate", {"taskId": task, "status": "completed"}, took_ms=took_ms)
    changed = {
        "success": True,
        "taskId": task,
        "updatedFields": ["status"],
        "statusChange": {"from": "pending", "to": "completed"},
    }
    return bench.answered(call, f"Updated task #{task} status", changed)


def _todo_list(bench: Workbench) -> Tool:
    todos = [
        {
            "content": bench.fill(text),
            "status": "completed" if place < bench.planned else "pending",
            "activeForm": f"Working: {bench.fill(text)}",
        }
        for place, text in enumerate(STEPS)
    ]
    text = (
        "Todos have been modified successfully. Ensure that you continue to use the todo list to "
        "track your progress. Please proceed with the current tasks if applicable"
    )
    call = Tool("TodoWrite", {"todos": todos}, took_ms=bench.dice.spread(EDIT_MS))
    return bench.answered(call, text, {"oldTodos": [], "newTodos": todos})


def web_search(bench: Workbench) -> Tool:
    """Look something up on the web."""
    dice = bench.dice
    query = f"{bench.noun} {dice.pick(('best practice', 'race condition', 'changelog'))} 2026"
    took_ms = dice.spread(WEB_MS)
    links = [{"title": page.split(".")[0], "url": f"https://{page}"} for page in PAGES]
    text = f'Web search results for query: "{query}"\n\n' + "\n".join(
        f"- {link['title']}: {link['url']}" for link in links
    )
    call = Tool("WebSearch", {"query": query}, took_ms=took_ms)
    found: list[object] = [{"content": links}, text]
    result = {"query": query, "results": found, "durationSeconds": took_ms / 1_000}
    return bench.answered(call, text, result)


def web_fetch(bench: Workbench) -> Tool:
    """Read a page of the web, which now and then is not there."""
    dice = bench.dice
    url = f"https://{dice.pick(PAGES)}/{dice.between(1, 40)}"
    took_ms = dice.spread(WEB_MS)
    call = Tool("WebFetch", {"url": url, "prompt": "What changed?"}, took_ms=took_ms)
    if dice.chance(0.2):
        return bench.answered_with_error(call, "Request failed with status code 404", "not_found")
    text = (
        "The page lists two breaking changes: months count from one, and time zones are explicit."
    )
    return bench.answered(
        call,
        text,
        {
            "bytes": dice.between(4_000, 400_000),
            "code": 200,
            "codeText": "OK",
            "result": text,
            "durationMs": took_ms,
            "url": url,
        },
    )


def issue(bench: Workbench) -> Tool:
    """Ask the issue tracker, a server of the model context protocol."""
    dice = bench.dice
    key = f"{bench.project.name.upper()}-{dice.between(100, 999)}"
    call = Tool("mcp__jira__get_issue", {"key": key}, took_ms=dice.spread(WEB_MS))
    at = dice.random()
    if at < 0.06:
        message = "MCP error -32602: Invalid params: field customfield_7 is not in the schema"
        return bench.answered_with_error(call, message, "validation")
    if at < 0.12:
        return bench.answered_with_error(call, "MCP error -32001: Request timed out", "timeout")
    text = bench.fill(f"{key}: The {{noun}} total differs by one cent\nStatus: In Progress")
    content = [{"type": "text", "text": text}]
    return bench.answered(call, content, content)


def ask(bench: Workbench) -> Tool:
    """Ask the person a question with two answers."""
    question = bench.fill("Should an empty {noun} be rejected?")
    options = [
        {"label": "Reject it", "description": "The caller gets an error."},
        {"label": "Treat it as zero", "description": "Nothing is written."},
    ]
    asked = [{"question": question, "header": "Empty", "options": options, "multiSelect": False}]
    chosen = bench.dice.pick(options)["label"]
    text = f'User has answered your questions: "{question}"="{chosen}".'
    call = Tool("AskUserQuestion", {"questions": asked}, waits_ms=bench.dice.spread(PERSON_MS))
    return bench.answered(call, text, {"questions": asked, "answers": {question: chosen}})
