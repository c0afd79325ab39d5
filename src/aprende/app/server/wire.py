"""HTTP as it comes over the wire: uvicorn's protocol, with a limit on how long a request's head may be and may take.

Without it, whoever can connect could fill the memory with one endless header, or all connections with silence. An
answer's head and body leave together, and processes that share a socket share its connections. Knows nothing of what is
asked.
"""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 2**10
HEAD_SECONDS = 20.0
TAKEN = 4  # connections that one process takes in one turn of its loop


class Shared(socket.socket):
    """A listening socket of several processes: each takes a few connections at a time, so that those with little to do
    get the next. By itself asyncio takes all that wait, and one process of two would get two thirds of the work."""

    _taken = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection; after TAKEN of them act once as if none waited."""
        if self._taken < TAKEN:
            self._taken += 1
            return super().accept()
        self._taken = 0
        raise BlockingIOError  # asyncio asks again in its next turn


class Together:
    """A transport that holds an answer's head until its body comes, or for one turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop, self._head = transport, loop, b""

    def write(self, data: bytes) -> None:
        """Send it; a head waits."""
        if self._head or not data.startswith(b"HTTP/"):
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._head = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Send what waits, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Wire(HttpToolsProtocol):
    """A connection; it is closed where a head is longer than HEAD_BYTES or takes longer than HEAD_SECONDS."""

    _clock: asyncio.TimerHandle | None = None
    _whole = False  # is the latest head?
    _head = 0  # bytes of a head that is not whole yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
        self._clock = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._whole or self.transport.is_closing():
            return
        self._head += len(data)
        if self._head > HEAD_BYTES:
            self.transport.close()
        elif self._clock is None:
            self._clock = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        self._whole, self._head = False, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._whole = True
        self._stop()
        super().on_headers_complete()

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
