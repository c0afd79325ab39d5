"""Many requests, one model: one-row requests are gathered into one predict; long jobs wait in a short line.

    Batcher   rows that wait while a predict runs make the next one, so batches grow with the load and nobody waits for
              a batch to fill. A batch that fails is halved until the bad row stands alone. As long as batches are QUICK
              they are computed in the event loop itself: a thread would fight it for the interpreter's lock, and a
              batch would take twice as long. A slow one makes the next go to the thread.
    Line      at most so many jobs at once in threads, at most so many waiting; further ones are refused at once.

Knows neither HTTP nor fields: rows and answers are whatever the caller's function takes and gives.
"""

import asyncio
import contextvars
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Batch = list[tuple[Row, asyncio.Future[Answer]]]


QUICK = 0.03  # seconds
GATHER, LONGEST = 0.4, 0.005  # share of the latest batch's time, and seconds, that the next waits for company


class Busy(Exception):
    """More is waiting than may; try again later."""


class Cancelled(Exception):
    """Nobody waits for this job's answer any longer."""


class Batcher(Generic[Row, Answer]):
    """Rows in, each with its own answer out; `answer` is called with many rows, and never twice at once."""

    def __init__(self, answer: Callable[[list[Row]], list[Answer]], most: int = 256, waiting: int = 1024) -> None:
        self._answer, self._most, self._limit = answer, most, waiting
        self._waiting: Batch[Row, Answer] = []
        self._halves: list[Batch[Row, Answer]] = []  # of a batch that failed
        self._running = False
        self._gathering: asyncio.TimerHandle | None = None  # the next batch waits for so many rows, or for this
        self._expected = 0
        self._took = math.inf  # seconds of the latest batch
        self._thread = ThreadPoolExecutor(1, "predict")

    def ask(self, row: Row) -> "asyncio.Future[Answer]":
        """Return the future answer for a row; raise Busy where too many wait."""
        if len(self._waiting) >= self._limit:
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((row, future))
        if not self._running:
            self._running = True
            loop.call_soon(self._next)  # after all requests that this turn of the loop has read
        elif self._gathering is not None and len(self._waiting) >= self._expected:
            self._next()
        return future

    def _next(self) -> None:
        """Start on what waits now."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        batch = self._halves.pop() if self._halves else self._take()
        if not batch:
            self._running = False
            return
        rows, loop = [row for row, _ in batch], asyncio.get_running_loop()
        if self._took <= QUICK:
            job: asyncio.Future[list[Answer]] = loop.create_task(self._here(rows))
        else:
            job = loop.run_in_executor(self._thread, self._timed, rows)
        job.add_done_callback(lambda done: self._done(batch, done))

    async def _here(self, rows: list[Row]) -> list[Answer]:
        return self._timed(rows)

    def _timed(self, rows: list[Row]) -> list[Answer]:
        began = time.perf_counter()
        try:
            return self._answer(rows)
        finally:
            self._took = time.perf_counter() - began

    def _take(self) -> Batch[Row, Answer]:
        """Return the next batch, without those whose asker has gone."""
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        return [item for item in batch if not item[1].done()] or (self._take() if self._waiting else [])

    def _done(self, batch: Batch[Row, Answer], job: "asyncio.Future[list[Answer]]") -> None:
        error = job.exception()
        if error is not None and len(batch) > 1:
            middle = len(batch) // 2
            self._halves += [batch[middle:], batch[:middle]]
        elif error is not None:
            _settle(batch[0][1], error=error)
        else:
            for (_, future), answer in zip(batch, job.result(), strict=True):
                _settle(future, answer)
        if self._halves or len(batch) == 1:
            self._next()
        else:  # those just answered may ask again: let them in with those who came meanwhile, not behind them
            self._expected = len(batch) + len(self._waiting)
            wait = min(GATHER * self._took, LONGEST)
            self._gathering = asyncio.get_running_loop().call_later(wait, self._next)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _settle(future: "asyncio.Future[Any]", answer: Any = None, error: BaseException | None = None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer)


class Line:
    """Jobs that take long, in threads. A job gets a function that raises Cancelled once nobody waits for it."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "job")
        self._free = threads + waiting

    async def run(self, job: Callable[[Callable[[], None]], Answer]) -> Answer:
        """Return what the job returns; raise Busy where the line is full."""
        if self._free <= 0:
            raise Busy
        self._free -= 1
        gone = threading.Event()

        def check() -> None:
            if gone.is_set():
                raise Cancelled

        context = contextvars.copy_context()  # the asker's language
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: context.run(job, check))
        future.add_done_callback(self._leave)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            gone.set()
            raise

    def _leave(self, future: "asyncio.Future[Any]") -> None:
        self._free += 1
        if not future.cancelled():
            future.exception()  # seen, even where nobody waits any longer

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
