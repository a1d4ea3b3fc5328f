"""Sessions of other agents as AgentLog rows: a support desk and a nightly triage."""

from __future__ import annotations

from collections.abc import Callable

from tachlog.demo.dice import Dice, Quantiles
from tachlog.demo.notation import Stamps, as_json
from tachlog.demo.truth import Cluster, SessionTruth, Spike, Tally, moment

RESPONSE_MS: Quantiles = ((0, 400), (0.5, 1_300), (0.9, 2_600), (1, 3_900))

MODELS = (
    ("openai", "gpt-5-mini"),
    ("openai", "gpt-5.1"),
    ("anthropic", "claude-haiku-4-5"),
    ("mistral", "mistral-large-latest"),
)
REQUESTS = (
    "My order 10{n} was charged twice, please refund one of the payments.",
    "The invoice for October shows the wrong VAT number. Can you send a corrected one?",
    "I cannot log in since yesterday, the reset mail never arrives.",
    "Where is my parcel? The tracking page says it left the depot {n} hours ago.",
    "Please change the delivery address of order 20{n} before it is shipped.",
)
ANSWERS = (
    "I found the order and started the refund. It takes three to five working days.",
    "I am looking for the invoice first.",
    "The address is changed. The parcel leaves tomorrow morning.",
    "It is unclear which of the two orders you mean. Could you clarify the order number?",
    "The first search gave nothing, so I am trying an alternative spelling instead.",
    "I have opened a ticket for the payments team and told them what we know.",
)
TOOLS = ("search_orders", "get_customer", "update_ticket", "send_reply", "lookup_invoice")
TOOL_ERRORS = (
    ("timeout", "upstream did not answer within 5000 ms"),
    ("validation", "field order_id: must be a string of 5 digits"),
    ("network", "connect ECONNREFUSED 10.0.4.12:8080"),
)


class RowLog:
    """One session of rows; every row is one message."""

    def __init__(
        self, desk: str, dice: Dice, next_id: Callable[[], int], start_ms: int, model: int | None
    ) -> None:
        self.desk = desk
        self.dice = dice
        self.now_ms = start_ms
        self.session_id = f"{desk}-{dice.hex(12)}"
        self.provider, self.model = dice.pick(MODELS) if model is None else MODELS[model]
        self.tally = Tally()
        self.rows: list[str] = []
        self.size = 0
        self._next_id = next_id
        self._stamp = Stamps()
        self._context = dice.between(600, 1_800)

    def _row(
        self,
        data: dict[str, object],
        tool: dict[str, object] | None = None,
        response_ms: int | None = None,
    ) -> str:
        number = self._next_id()
        row = {
            "id": number,
            "session_id": self.session_id,
            "provider": self.provider,
            "model": self.model,
            "log_timestamp": self._stamp(self.now_ms),
            "created_at": self._stamp(self.now_ms + 3),
            "structured_data": data,
            "tool_calls": tool,
            "response_time": response_ms,
        }
        line = as_json(row) + "\n"
        self.rows.append(line)
        self.size += len(line)
        return str(number)

    def person(self, text: str) -> None:
        """A customer writes."""
        self.now_ms += self.dice.between(5_000, 90_000)
        self._context += len(text) // 4
        self._row({"payload": {"content": text}, "role": "user"})
        self.tally.prompt(self.now_ms)

    def reply(
        self,
        text: str,
        tool: dict[str, object] | None = None,
        *,
        slow_ms: int = 0,
        reports_usage: bool = True,
    ) -> None:
        """A model call, which may carry a tool call with its result."""
        dice = self.dice
        queued_ms = dice.between(20, 900) if dice.chance(0.3) else 0
        took_ms = slow_ms or dice.spread(RESPONSE_MS)
        data: dict[str, object] = {"payload": {"content": text}, "role": "assistant"}
        if queued_ms:
            data["queued_at"] = self._stamp(self.now_ms)
            data["started_at"] = self._stamp(self.now_ms + queued_ms)
        self.now_ms += queued_ms + took_ms
        output = len(text) // 4 + dice.between(4, 60)
        if reports_usage:
            data["usage"] = {
                "input_tokens": self._context,
                "output_tokens": output,
                "total_tokens": self._context + output,
            }
        number = self._row(data, tool, queued_ms + took_ms)
        self.tally.seen(self.now_ms)
        shown = (self._context, 0, 0, 0, output, 0) if reports_usage else (0,) * 6
        self.tally.reply(self.model, shown, reported=reports_usage)
        self._context += output
        if slow_ms:
            spike = Spike(number, moment(self.now_ms), queued_ms + took_ms)
            self.tally.spikes.append(spike)
        if tool is not None:
            failed = bool(tool["is_error"])
            self.tally.tool(
                str(tool["name"]),
                as_json(tool["input"]),
                "error" if failed else "success",
                error_class=str(tool["error_type"] or ""),
                start_ms=self.now_ms,
                end_ms=self.now_ms,
            )
            self.now_ms += int(str(tool["duration_ms"]))
            self._context += len(str(tool["content"])) // 4

    def tool(
        self, name: str, arguments: dict[str, object], content: str, error_type: str | None = None
    ) -> dict[str, object]:
        """A tool call with its result, as a row carries it."""
        return {
            "name": name,
            "input": arguments,
            "content": content,
            "is_error": error_type is not None,
            "error_type": error_type,
            "duration_ms": self.dice.between(30, 1_400),
        }

    def failure(self, error_class: str, status: int, kind: str, text: str, wait_ms: int) -> None:
        """A model call that failed; the next attempt comes after a wait."""
        took_ms = self.dice.between(60, 400)
        self.now_ms += took_ms
        error = {"type": kind, "status": status, "message": text, "retry_after_ms": wait_ms}
        data: dict[str, object] = {"payload": {"content": ""}, "role": "assistant", "error": error}
        self._row(data, None, took_ms)
        self.tally.messages += 1
        self.tally.failure(error_class, self.now_ms)
        self.now_ms += wait_ms

    def some_tool(self) -> dict[str, object]:
        """A tool call like most others; one in twenty fails."""
        dice = self.dice
        name, order = dice.pick(TOOLS), dice.between(10_000, 99_999)
        arguments: dict[str, object] = {"order_id": str(order), "include": ["lines", "payments"]}
        if dice.chance(0.05):
            error_type, text = dice.pick(TOOL_ERRORS)
            return self.tool(name, arguments, text, error_type)
        lines = [
            {"sku": f"SKU-{dice.between(100, 999)}", "quantity": dice.between(1, 4)}
            for _ in range(dice.between(1, 6))
        ]
        return self.tool(name, arguments, as_json({"order": order, "lines": lines}))

    def conversation(self, rounds: int) -> None:
        """A customer and the agent, back and forth."""
        dice = self.dice
        for _ in range(rounds):
            self.ask()
            for _ in range(dice.between(1, 5)):
                self.reply(dice.pick(ANSWERS), self.some_tool())
            self.reply(dice.pick(ANSWERS), reports_usage=dice.chance(0.9))

    def ask(self) -> None:
        """A customer asks for one of the usual things."""
        dice = self.dice
        self.person(dice.pick(REQUESTS).replace("{n}", str(dice.between(100, 999))))

    def storm(self, attempts: int) -> None:
        """The provider refuses one attempt after the other for too many requests, then answers."""
        self.ask()
        start_ms = self.now_ms
        for attempt in range(attempts):
            text = f"Rate limit reached for {self.model}: 200,000 tokens per minute."
            wait_ms = min(1_000 * 2**attempt, 20_000)
            self.failure("rate_limit", 429, "rate_limit_error", text, wait_ms)
        end_ms = self.tally.last_ms or start_ms
        cluster = Cluster("rate_limit", attempts, moment(start_ms), moment(end_ms))
        self.tally.clusters.append(cluster)
        self.reply(self.dice.pick(ANSWERS))

    def truth(self, file: str) -> SessionTruth:
        """What is known about this session."""
        return self.tally.describe(
            session_id=self.session_id,
            format="agent-log",
            files=(file,),
            parent_session_id=None,
            forked_from=None,
            title=None,
            project=self.desk,
            provider=self.provider,
        )


def some_session(log: RowLog) -> RowLog:
    """A session like most others."""
    if log.dice.chance(0.06):
        log.storm(log.dice.between(2, 4))
    log.conversation(log.dice.between(1, 6))
    return log


def planted_sessions(
    make: Callable[[str, int, int | None], RowLog], days: list[int]
) -> list[RowLog]:
    """The sessions that show something, given the times at which they begin."""
    storm = make("support-desk", days[0], 1)
    storm.conversation(2)
    storm.storm(12)
    storm.conversation(2)

    spike = make("support-desk", days[1], 0)
    spike.conversation(9)
    spike.person("Are you still there?")
    spike.reply("Sorry for the delay, here is the answer.", slow_ms=48_000)
    spike.conversation(1)

    loop = make("support-desk", days[2], 2)
    loop.person("Please find the order of customer 4711 from last spring.")
    for _ in range(6):
        search = loop.tool("search_orders", {"customer": "4711", "season": "spring"}, "[]")
        loop.reply("The search gave nothing, searching again.", search)
    loop.reply("I could not find it. Do you have the order number?")

    cluster = make("nightly-triage", days[3], 3)
    cluster.person("Triage the tickets of the last day.")
    start_ms = cluster.now_ms
    for number in range(7):
        broken = cluster.tool(
            "update_ticket", {"ticket": 4_100 + number}, *reversed(TOOL_ERRORS[2])
        )
        cluster.reply("Updating the next ticket.", broken)
    failed = Cluster("network", 7, moment(start_ms), moment(cluster.tally.last_ms or start_ms))
    cluster.tally.clusters.append(failed)
    cluster.reply("The ticket system does not answer. I stop here and report it.")

    quiet = make("nightly-triage", days[4], 0)
    quiet.ask()
    quiet.failure("server_error", 500, "server_error", "Internal server error", 800)
    quiet.reply(ANSWERS[0])
    quiet.conversation(3)
    return [storm, spike, loop, cluster, quiet]
