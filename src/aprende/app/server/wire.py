"""HTTP as it comes over the wire: uvicorn's protocol, with a limit on how long a request's head may be and may take.

Without it, whoever can connect could fill the memory with one endless header, or all connections with silence.
Knows nothing of what is asked.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 2**10
HEAD_SECONDS = 20.0


class Wire(HttpToolsProtocol):
    """A connection; it is closed where a head is longer than HEAD_BYTES or takes longer than HEAD_SECONDS."""

    _clock: asyncio.TimerHandle | None = None
    _whole = False  # is the latest head?
    _head = 0  # bytes of a head that is not whole yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
