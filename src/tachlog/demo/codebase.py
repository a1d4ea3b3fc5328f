"""The source files of the invented projects, as an agent sees them when it reads them."""

from __future__ import annotations

from functools import cache

import msgspec

from tachlog.demo.team import Language, Project

PIECE_LINES = 40

_TYPESCRIPT = """\
import {{ db }} from '../db/client';
import {{ logger }} from '../log/logger';
import {{ Clock, systemClock }} from '../time/clock';

export interface {Name} {{
  id: string;
  customerId: string;
  amountCents: number;
  currency: 'EUR' | 'USD' | 'GBP';
  createdAt: Date;
  expiresAt: Date | null;
  version: number;
}}

export class {Name}NotFound extends Error {{
  constructor(readonly id: string) {{
    super(`{noun} ${{id}} does not exist`);
  }}
}}

/** Reads and writes {noun} rows; every write checks the version that was read. */
export class {Name}Repository {{
  constructor(private readonly clock: Clock = systemClock) {{}}

  async find(id: string): Promise<{Name}> {{
    const row = await db.one('select * from {noun}s where id = $1', [id]);
    if (row === null) throw new {Name}NotFound(id);
    return {{ ...row, createdAt: new Date(row.created_at) }};
  }}

  async list(customerId: string, limit = 50, after?: string): Promise<{Name}[]> {{
    const rows = await db.many(
      'select * from {noun}s where customer_id = $1 and id > $2 order by id limit $3',
      [customerId, after ?? '', limit],
    );
    logger.debug('listed {noun}s', {{ customerId, found: rows.length }});
    return rows;
  }}

  async save({noun}: {Name}): Promise<{Name}> {{
    const saved = await db.update(
      'update {noun}s set amount_cents = $1, version = version + 1 where id = $2 and version = $3',
      [{noun}.amountCents, {noun}.id, {noun}.version],
    );
    if (saved.count === 0) throw new Error('{noun} was changed by someone else');
    return {{ ...{noun}, version: {noun}.version + 1 }};
  }}
}}
"""

_TYPESCRIPT_PART = """\

export function {noun}Rule{n}({noun}: {Name}, now: Date, limitCents: number): boolean {{
  if ({noun}.expiresAt !== null && {noun}.expiresAt <= now) return false;
  if ({noun}.amountCents < 0 || {noun}.amountCents > limitCents * {n}) return false;
  // rule {n}: amounts are compared in cents, never as floating point numbers
  const share = Math.round(({noun}.amountCents * 100) / Math.max(limitCents, 1));
  return share <= 100 - {n};
}}
"""

_PYTHON = '''\
"""{Name}s: what they are, and how they are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from billing.db import Connection, transaction
from billing.errors import Conflict, NotFound

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class {Name}:
    """One {noun}; amounts are decimals with two places."""

    id: str
    account: str
    amount: Decimal
    currency: str
    booked_at: datetime
    version: int = 0

    def rounded(self) -> {Name}:
        """The same {noun}, rounded half to even."""
        return replace(self, amount=self.amount.quantize(CENT, ROUND_HALF_EVEN))


class {Name}Store:
    """Keeps {noun}s; a write that is based on an old version raises Conflict."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, {noun}_id: str) -> {Name}:
        row = self._connection.one("select * from {noun}s where id = %s", ({noun}_id,))
        if row is None:
            raise NotFound("{noun}", {noun}_id)
        return {Name}(**row)

    def between(self, start: datetime, end: datetime) -> list[{Name}]:
        rows = self._connection.many(
            "select * from {noun}s where booked_at >= %s and booked_at < %s order by booked_at",
            (start, end),
        )
        return [{Name}(**row) for row in rows]

    def put(self, {noun}: {Name}) -> {Name}:
        with transaction(self._connection):
            changed = self._connection.execute(
                "update {noun}s set amount = %s, version = version + 1 "
                "where id = %s and version = %s",
                ({noun}.amount, {noun}.id, {noun}.version),
            )
            if changed == 0:
                raise Conflict("{noun}", {noun}.id, datetime.now(UTC))
        return replace({noun}, version={noun}.version + 1)
'''

_PYTHON_PART = '''\


def {noun}_share_{n}({noun}: {Name}, total: Decimal, places: int = 2) -> Decimal:
    """The part of `total` that falls on this {noun} under rule {n}."""
    if total == 0 or {noun}.amount == 0:
        return Decimal(0)
    share = {noun}.amount / total * {n}
    return share.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
'''

_GO = """\
package {noun}

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrNotFound says that there is no such {noun}.
var ErrNotFound = errors.New("{noun}: not found")

// {Name} is what the service knows about one {noun}.
type {Name} struct {{
	ID       string
	Tenant   string
	Limit    int
	Burst    int
	Updated  time.Time
	Disabled bool
}}

// Store keeps {noun}s in memory and refreshes them in the background.
type Store struct {{
	mu    sync.RWMutex
	items map[string]{Name}
	log   *slog.Logger
}}

// Get returns the {noun} of a tenant.
func (s *Store) Get(ctx context.Context, tenant string) ({Name}, error) {{
	s.mu.RLock()
	defer s.mu.RUnlock()
	item, ok := s.items[tenant]
	if !ok {{
		return {Name}{{}}, fmt.Errorf("tenant %q: %w", tenant, ErrNotFound)
	}}
	return item, ctx.Err()
}}

// Refresh replaces all items that changed since the last call.
func (s *Store) Refresh(ctx context.Context, load func(context.Context) ([]{Name}, error)) error {{
	fresh, err := load(ctx)
	if err != nil {{
		return fmt.Errorf("refresh {noun}s: %w", err)
	}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range fresh {{
		s.items[item.Tenant] = item
	}}
	s.log.Info("{noun}s refreshed", "count", len(fresh))
	return nil
}}
"""

_GO_PART = """\

// allow{n} applies rule {n}: at most {n} requests beyond the limit within the burst window.
func (q {Name}) allow{n}(used int, now time.Time) bool {{
	if q.Disabled || now.Before(q.Updated) {{
		return false
	}}
	return used < q.Limit+q.Burst/{n}
}}
"""

_TEMPLATES: dict[Language, tuple[str, str, str, str]] = {
    "ts": ("src/{noun}/{noun}.ts", "src/{noun}/{noun}.test.ts", _TYPESCRIPT, _TYPESCRIPT_PART),
    "py": ("src/billing/{noun}.py", "tests/test_{noun}.py", _PYTHON, _PYTHON_PART),
    "go": (
        "internal/{noun}/{noun}.go",
        "internal/{noun}/{noun}_test.go",
        _GO,
        _GO_PART,
    ),
}


class Piece(msgspec.Struct, frozen=True):
    """Lines of a file, ready to be put into a log many times.

    `text_json` is their text; `arrow_json` and `tab_json` are the numbered text in the two ways
    that Claude Code has used; all encoded as JSON once. `size` is the numbered text's length.
    """

    first_line: int
    line_count: int
    text_json: msgspec.Raw
    arrow_json: msgspec.Raw
    tab_json: msgspec.Raw
    size: int


class SourceFile(msgspec.Struct, frozen=True):
    """A file, and its parts as an agent reads them."""

    path: str
    relative: str
    noun: str
    lines: tuple[str, ...]
    whole: Piece
    pieces: tuple[Piece, ...]


@cache
def source_files(project: Project) -> tuple[SourceFile, ...]:
    """The files of a project, of different lengths: two for each of its nouns."""
    code, test, head, part = _TEMPLATES[project.language]
    files = []
    for place, noun in enumerate(project.nouns):
        for template, parts in ((code, 2 + 5 * place % 13), (test, 1 + 3 * place % 7)):
            names = {"noun": noun, "Name": noun.capitalize()}
            text = head.format(**names)
            text += "".join(part.format(**names, n=number) for number in range(1, parts + 1))
            files.append(_source_file(project, template.format(noun=noun), noun, text))
    return tuple(files)


def _source_file(project: Project, relative: str, noun: str, text: str) -> SourceFile:
    lines = text.splitlines()
    starts = range(0, len(lines), PIECE_LINES)
    return SourceFile(
        path=f"{project.cwd}/{relative}",
        relative=relative,
        noun=noun,
        lines=tuple(lines),
        whole=_piece(lines, 1),
        pieces=tuple(_piece(lines[start : start + PIECE_LINES], start + 1) for start in starts),
    )


def _piece(lines: list[str], first: int) -> Piece:
    arrow = "\n".join(f"{number:6d}→{line}" for number, line in enumerate(lines, first))
    tab = "\n".join(f"{number}\t{line}" for number, line in enumerate(lines, first))
    return Piece(
        first_line=first,
        line_count=len(lines),
        text_json=_raw("\n".join(lines)),
        arrow_json=_raw(arrow),
        tab_json=_raw(tab),
        size=len(tab),
    )


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))
