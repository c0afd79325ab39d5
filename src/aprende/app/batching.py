"""Many requests, one model: one-row requests are gathered into one predict; long jobs wait in a short line.

    Batcher   rows that wait while a predict runs make the next one, so batches grow with the load and nobody waits for
              a batch to fill. A batch that fails is halved until the bad row stands alone.
    Line      at most so many jobs at once in threads, at most so many waiting; further ones are refused at once.

Knows neither HTTP nor fields: rows and answers are whatever the caller's function takes and gives.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Batch = list[tuple[Row, asyncio.Future[Answer]]]


class Busy(Exception):
    """More is waiting than may; try again later."""


class Cancelled(Exception):
    """Nobody waits for this job's answer any longer."""


class Batcher(Generic[Row, Answer]):
    """Rows in, each with its own answer out; `answer` is called in one thread with many rows at a time."""

    def __init__(self, answer: Callable[[list[Row]], list[Answer]], most: int = 256, waiting: int = 1024) -> None:
        self._answer, self._most, self._limit = answer, most, waiting
        self._waiting: Batch[Row, Answer] = []
        self._halves: list[Batch[Row, Answer]] = []  # of a batch that failed
        self._running = False
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
        return future

    def _next(self) -> None:
        """Start on what waits now."""
        batch = self._halves.pop() if self._halves else self._take()
        if not batch:
            self._running = False
            return
        job = asyncio.get_running_loop().run_in_executor(self._thread, self._answer, [row for row, _ in batch])
        job.add_done_callback(lambda done: self._done(batch, done))

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
        self._next()

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
