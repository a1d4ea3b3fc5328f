"""The screen of `tachlog top`: a list to move in, and what is known of the chosen session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static

from tachlog import figures as fmt
from tachlog.cli.top_rows import Row, heading

LOOK_SECONDS: Final = 2.0
"""How often the archive is asked."""

COLUMNS: Final = (
    "",
    "session",
    "project",
    "agent",
    "model",
    "doing now",
    "for",
    "context",
    "so far",
    "last error",
)
LONGEST: Final = 36
"""Columns of a cell at most."""


class Top(App[None]):
    """Shows what `look` gives, again and again; `q` leaves.

    `note` tells what keeps the logs from being followed, or hampers it; empty where nothing does.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #heading { padding: 0 1; text-style: bold; }
    #chosen { padding: 0 1; height: 1; color: $text-muted; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "leave"),
        Binding("r", "look", "look now"),
        Binding("n", "next", "next that needs you"),
    ]

    def __init__(
        self, look: Callable[[], Sequence[Row]], note: Callable[[], str] = lambda: ""
    ) -> None:
        super().__init__()
        self._look = look
        self._note = note
        self._rows: Sequence[Row] = ()

    def compose(self) -> ComposeResult:
        """A heading, the list, what is known of the chosen one, the keys."""
        yield Static("reading …", id="heading", markup=False)
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Static("", id="chosen", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self._table.add_columns(*COLUMNS)
        self.action_look()
        self.set_interval(LOOK_SECONDS, self.action_look)

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(DataTable)

    def action_look(self) -> None:
        """Ask the archive, in a thread, so that keys are answered meanwhile."""
        self.run_worker(self._ask, thread=True, exclusive=True, group="look")

    def _ask(self) -> None:
        rows = self._look()
        self.call_from_thread(self._show, rows)

    def _show(self, rows: Sequence[Row]) -> None:
        """Put the rows in place; the cursor stays on its session."""
        chosen = self._chosen()
        self._rows = rows
        told = " · ".join(filter(None, [heading(rows), fmt.plain(self._note())]))
        self.query_one("#heading", Static).update(told)
        table = self._table
        table.clear()
        for row in rows:
            table.add_row(*map(Text, _cells(row)), key=row.session_id)
        places = [n for n, row in enumerate(rows) if chosen and row.session_id == chosen.session_id]
        if places:
            table.move_cursor(row=places[0])
        self._tell()

    def action_next(self) -> None:
        """Go to the next session that needs somebody."""
        needs = [n for n, row in enumerate(self._rows) if row.needs]
        if needs:
            here = self._table.cursor_row
            self._table.move_cursor(row=next((n for n in needs if n > here), needs[0]))

    def on_data_table_row_highlighted(self) -> None:
        """Tell of the session that the cursor is on."""
        self._tell()

    def _chosen(self) -> Row | None:
        place = self._table.cursor_row
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def _tell(self) -> None:
        row = self._chosen()
        told = f"{row.basis} · tachlog show {row.session_id}" if row else "no session is at work"
        self.query_one("#chosen", Static).update(fmt.plain(told))


def _cells(row: Row) -> list[str]:
    mark = "⏸" if row.needs else "▶"
    told = (row.title, row.project, row.agent, row.model, row.doing, row.since, row.context)
    return [mark, *(fmt.clip(fmt.plain(each), LONGEST) for each in (*told, row.cost, row.error))]
