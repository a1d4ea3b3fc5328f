"""Who follows the archive is told of each change, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

from tachlog.stores import StoreError

LOOK_S: Final = 0.5
"""How often the number of the last change is looked at while somebody follows."""


class Changes:
    """The number of the archive's last change, looked at only while somebody follows it."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._wake = asyncio.Event()
        self._moved = asyncio.Condition()
        self._number: int | None = None
        self._looking: asyncio.Task[None] | None = None
        self._followers = 0
        self._ended = False

    def poke(self) -> None:
        """Look at once: this process has written."""
        self._wake.set()

    async def follow(self, heartbeat_s: float) -> AsyncIterator[int | None]:
        """The last change, then each that follows; None when nothing happened for so long.

        Changes that come faster than they are taken are told by the last of them.
        """
        self._followers += 1
        try:
            if self._looking is None or self._looking.done():
                self._number = None
                self._looking = asyncio.create_task(self._look())
            told: int | None = None
            while not self._ended:
                try:
                    await asyncio.wait_for(self._moves_from(told), heartbeat_s)
                except TimeoutError:
                    yield None
                    continue
                if not self._ended:
                    told = self._number
                    yield told
        finally:
            self._followers -= 1

    async def _moves_from(self, told: int | None) -> None:
        async with self._moved:
            while self._number == told and not self._ended:
                await self._moved.wait()

    async def _look(self) -> None:
        while self._followers and not self._ended:
            self._wake.clear()
            with suppress(StoreError):
                number = await self._ask()
                if number != self._number:
                    async with self._moved:
                        self._number = number
                        self._moved.notify_all()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
        async with self._moved:
            self._moved.notify_all()

    def close(self) -> None:
        """Let every follower end, soon."""
        self._ended = True
        self._wake.set()

    async def end(self) -> None:
        """Let every follower end."""
        self.close()
        async with self._moved:
            self._moved.notify_all()
        if self._looking is not None:
            await self._looking
