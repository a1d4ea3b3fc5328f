"""What goes wrong in a session: the API fails, the person says no or stops the agent."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tachlog.demo.notation import as_json
from tachlog.demo.shell import REJECTION
from tachlog.demo.transcripts import Transcript
from tachlog.demo.workbench import Tool

MOST_RETRIES = 10

# What the API answers: status, type, message, error class.
API_ERRORS: dict[str, tuple[int | None, str, str]] = {
    "rate_limit": (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 400,000 input tokens per "
        "minute. Please reduce the prompt length or try again later.",
    ),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "server_error": (500, "api_error", "Internal server error"),
    "network": (None, "", "Connection error."),
}


def api_errors(
    session: Transcript, error_class: str, attempts: int, *, retry_after_s: int = 0
) -> None:
    """Attempts of a model call that fail, each followed by a wait."""
    main, dice = session.main, session.dice
    status, kind, message = API_ERRORS[error_class]
    for attempt in range(1, attempts + 1):
        main.idle(dice.between(400, 2_200))
        wait_ms = min(500 * 2 ** (attempt - 1), 32_000) + dice.between(0, 400)
        if retry_after_s:
            wait_ms = retry_after_s * 1_000
        error: dict[str, object] = {
            "message": message,
            "formatted": f"{message} (ECONNRESET)",
            "connection": {"code": "ECONNRESET"},
            "isNetworkDown": False,
        }
        if status is not None:
            request = f"req_011C{dice.base58(20)}"
            main.request_id = request
            headers = {"retry-after": str(retry_after_s)} if retry_after_s else {}
            inner = {"type": "error", "error": {"type": kind, "message": message}}
            error = {
                "status": status,
                "headers": headers,
                "requestID": request,
                "error": {**inner, "request_id": request},
            }
        main.system(
            "api_error",
            {
                "level": "error",
                "error": error,
                "retryInMs": wait_ms,
                "retryAttempt": attempt,
                "maxRetries": MOST_RETRIES,
            },
        )
        main.tally.failure(error_class, main.now_ms)
        if attempt < MOST_RETRIES:
            main.idle(wait_ms)


def give_up(
    session: Transcript,
    text: str,
    error: str,
    error_class: str,
    status: int | None,
    *,
    repeats: bool = False,
) -> None:
    """The harness tells the failure in the model's place; it `repeats` the last attempt's."""
    main, dice = session.main, session.dice
    main.idle(dice.between(300, 1_500))
    usage = (
        '{"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":0,'
        '"cache_read_input_tokens":0,"server_tool_use":{"web_search_requests":0,'
        '"web_fetch_requests":0},"service_tier":null,"cache_creation":'
        '{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0},"inference_geo":null,'
        '"iterations":null,"speed":null}'
    )
    body = (
        f'"type":"assistant","message":{{"id":"{dice.uuid()}","container":null,"model":'
        f'"<synthetic>","role":"assistant","stop_reason":"stop_sequence","stop_sequence":"",'
        f'"type":"message","usage":{usage},"content":[{{"type":"text","text":{as_json(text)}}}]'
        ',"context_management":null}'
    )
    request = f'"requestId":"{main.request_id}",' if repeats else ""
    code = f',"apiErrorStatus":{status}' if status and session.dialect.modern else ""
    main.record("assistant", body, f',{request}"error":"{error}","isApiErrorMessage":true{code}')
    main.tally.seen(main.now_ms)
    if not repeats:
        main.tally.failure(error_class, main.now_ms)


def interrupt(session: Transcript, *, for_tool: bool = False) -> None:
    """The person stops the agent."""
    session.main.idle(session.dice.between(200, 900))
    what = " for tool use" if for_tool else ""
    content = f'[{{"type":"text","text":"[Request interrupted by user{what}]"}}]'
    message = f'"message":{{"role":"user","content":{content}}}'
    stopped = f',"interruptedMessageId":"{session.main.last_call_id}"'
    session.main.record(
        "user", f'"type":"user",{message}', stopped if session.dialect.modern else ""
    )


def reject(session: Transcript, call: Tool, feedback: str = "") -> None:
    """The agent wants to make a call and the person says no."""
    tool = session.bench.rejected(call)
    if feedback:
        told = f"{REJECTION} To tell you how to proceed, the user said:\n{feedback}"
        tool = msgspec.structs.replace(tool, output=told)
    session.main.reply("", (tool,))
    interrupt(session, for_tool=True)


def run_command(session: Transcript, name: str, stdout: str) -> None:
    """The person runs a command of the program itself; no prompt to the model."""
    caveat = (
        "<local-command-caveat>Caveat: The messages below were generated by the user while "
        "running local commands. DO NOT respond to these messages or otherwise consider them "
        "in your response unless the user explicitly asks you to.</local-command-caveat>"
    )
    session.main.user(caveat, after=',"isMeta":true')
    args = f"<command-message>{name}</command-message>\n<command-args></command-args>"
    session.main.user(f"<command-name>/{name}</command-name>\n{args}", after="")
    session.main.user(f"<local-command-stdout>{stdout}</local-command-stdout>", after="")


def damage(session: Transcript) -> None:
    """What a crash leaves: a torn line, a blank one, and two records on one line."""
    main = session.main
    torn = '{"parentUuid":"' + main.last_uuid + '","isSidechain":false,"attachment":{"type":"que'
    main.lines.append((f"{torn}\n", "", False))
    main.lines.append(("\n", "", False))
    session.note_state()
    text, kind, chained = main.lines[-3]
    main.lines[-3] = (text.removesuffix("\n"), kind, chained)
    session.damaged += 1
    session.blank += 1
    session.joined += 1


def interject(session: Transcript, text: str) -> None:
    """The person types while the agent works, and it takes the words in at its next step."""
    prompt = {"prompt": text, "commandMode": "prompt"}
    _queued_command(session, text, prompt, session.dice.between(900, 6_000))
    session.main.tally.prompt(session.main.now_ms, queued=True)


def background_task_ended(session: Transcript) -> None:
    """A command in the background has ended, which the program tells the model."""
    task = f"b{session.dice.hex(6)}"
    text = (
        f"<task-notification>\n<task-id>{task}</task-id>\n<status>completed</status>\n"
        "<summary>Background command completed (exit code 0)</summary>\n</task-notification>"
    )
    _queued_command(session, text, {"prompt": text, "commandMode": "task-notification"}, 0)


def _queued_command(
    session: Transcript, text: str, command: Mapping[str, object], waits_ms: int
) -> None:
    main, about = session.main, {"sessionId": session.place.session_id, "content": text}
    came = main.stamp(main.now_ms)
    main.note("queue-operation", {"operation": "enqueue", "timestamp": came, **about})
    main.idle(waits_ms)
    taken = main.stamp(main.now_ms)
    main.note("queue-operation", {"operation": "remove", "timestamp": taken, **about})
    main.attachment({"type": "queued_command", **command, "timestamp": came})
    main.context.add(len(text) // 4)
