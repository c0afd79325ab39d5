"""The server on a real socket: heads that are too long or too slow, broken HTTP, cut connections."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import served
import uvicorn

from aprende.app.server import wire
from aprende.app.server.serve import create_app, listen

POST = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 13\r\n\r\n"
BODY = b'{"area": 100}'


@pytest.fixture(scope="module")
def at() -> Iterator[tuple[str, int]]:
    """The address of a server with a short patience."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "HEAD_SECONDS", 0.5)
        held = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(served.valuation()), http=wire.Wire, log_level="critical"))
        thread = threading.Thread(target=server.run, args=([held],))
        thread.start()
        yield held.getsockname()
        server.should_exit = True
        thread.join(10)


def said(at: tuple[str, int], *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts, with a pause between them; return all that comes back until the end."""
    with socket.create_connection(at, timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionResetError, BrokenPipeError):
            return b""


def closing(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)


def test_a_request_in_pieces_is_answered(at: tuple[str, int]) -> None:
    whole = closing(POST) + BODY
    assert b"100000" in said(at, *(whole[i : i + 40] for i in range(0, len(whole), 40)), pause=0.01)


def test_two_requests_on_one_connection_are_answered(at: tuple[str, int]) -> None:
    assert said(at, POST + BODY + closing(POST) + BODY).count(b"HTTP/1.1 200") == 2


def test_an_endless_head_is_cut(at: tuple[str, int]) -> None:
    for part in (b"x", b"x: y\r\n"):
        began = time.monotonic()
        assert b"200" not in said(at, b"GET / HTTP/1.1\r\n", *[part * (100_000 // len(part))] * 20, pause=0.002)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("begun", [b"", b"G", b"GET / HTTP/1.1\r\nhost: 127"])
def test_a_head_that_does_not_come_is_not_waited_for(at: tuple[str, int], begun: bytes) -> None:
    began = time.monotonic()
    assert said(at, begun) == b""
    assert 0.3 < time.monotonic() - began < 5


def test_a_second_head_that_does_not_come_is_not_waited_for(at: tuple[str, int]) -> None:
    began = time.monotonic()
    assert said(at, POST + BODY + b"GET / HT").count(b"HTTP/1.1 200") == 1
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "broken", [b"\0\1\2\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0"]
)
def test_what_is_no_http_is_refused(at: tuple[str, int], broken: bytes) -> None:
    assert said(at, broken).startswith((b"HTTP/1.1 400", b""))


def test_a_body_that_is_cut_disturbs_nobody(at: tuple[str, int]) -> None:
    for _ in range(20):
        with socket.create_connection(at) as connection:
            connection.sendall(POST + BODY[:5])
    assert b"100000" in said(at, closing(POST) + BODY)


def test_many_at_once_have_their_own_answers(at: tuple[str, int]) -> None:
    found: dict[int, bytes] = {}

    def ask(i: int) -> None:
        body = b'{"area": %d}' % i
        head = closing(POST).replace(b"length: 13", b"length: %d" % len(body))
        found[i] = said(at, head + body)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all(b'"price":%d.0,' % (1000 * i) in found[i] for i in range(100))


def test_head_and_body_leave_together_and_a_head_alone_a_turn_later() -> None:
    sent: list[bytes] = []

    class Transport:
        write = staticmethod(sent.append)

    async def answers() -> None:
        held = wire.Together(Transport(), asyncio.get_running_loop())  # type: ignore[arg-type]
        held.write(b"HTTP/1.1 200 OK\r\n\r\n")
        held.write(b"body")
        held.write(b"more")
        assert sent == [b"HTTP/1.1 200 OK\r\n\r\nbody", b"more"]
        held.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await asyncio.sleep(0)
        assert sent[2:] == [b"HTTP/1.1 204 No Content\r\n\r\n"]

    asyncio.run(answers())


def test_a_process_takes_few_connections_at_a_time() -> None:
    held = listen("127.0.0.1", 0)
    shared = wire.Shared(held.family, held.type, held.proto, held.detach())
    shared.setblocking(False)
    asking = [socket.create_connection(shared.getsockname()) for _ in range(wire.TAKEN + 1)]
    taken = [shared.accept()[0] for _ in range(wire.TAKEN)]
    with pytest.raises(BlockingIOError):
        shared.accept()
    taken.append(shared.accept()[0])
    for one in [shared, *asking, *taken]:
        one.close()
