"""What stands before the server: who may ask, how much, how long; what every answer carries. Pure ASGI, little work.

Knows nothing of models. Each refusal is JSON {"error": text} in the asker's language.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from starlette.exceptions import HTTPException

from aprende.app.server.batching import Busy
from aprende.core import words
from aprende.core.words import t

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

COOKIE = "aprende_token"
OPEN = ("/health",)  # without a token
LOOPBACK = ("127.0.0.1", "localhost", "::1")
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
]  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """How much one asker, and all of them, may ask."""

    body: int = 32 * 2**20  # bytes of one request
    bodies: int = 512 * 2**20  # bytes of all requests that are being answered
    rows: int = 100_000  # rows or pictures of one request
    seconds: float = 60.0  # for one request, from its first byte to its answer
    waiting: int = 1024  # one-row requests that may wait
    jobs: int = 8  # longer requests (many rows, files, explanations) that may wait


@dataclass(frozen=True)
class Asked:
    """The headers that decide whether a request is let in."""

    host: str = ""
    origin: str = ""
    length: str = ""
    authorization: str = ""
    cookie: str = ""
    language: str = ""


NAMES = {b"host": "host", b"origin": "origin", b"content-length": "length", b"authorization": "authorization",
         b"cookie": "cookie", b"accept-language": "language"}  # fmt: skip


class Guard:
    """ASGI middleware. local: only names of this machine are answered to (a page elsewhere could rebind its own)."""

    def __init__(self, app: App, limits: Limits, token: str = "", local: bool = True) -> None:
        self.app, self.limits, self.token, self.local = app, limits, token, local
        self.held = 0  # bytes of bodies

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        asked = Asked(**{NAMES[k]: v.decode("latin-1") for k, v in scope["headers"] if k in NAMES})
        words.use(preferred(asked.language, scope["query_string"]))
        answer = Answer(send)
        refused = self._refuse(scope, asked)
        if refused:
            await answer.refuse(*refused)
            return
        body = Body(receive, self)
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self.app(scope, body.receive, answer.send)
        except TimeoutError:
            n = f"{self.limits.seconds:g}"
            if body.whole:
                await answer.refuse(504, t("It took longer than {n} s.", n=n))
            else:
                await answer.refuse(408, t("The request did not arrive whole within {n} s.", n=n))
        finally:
            self.held -= body.came

    def _refuse(self, scope: MutableMapping[str, Any], asked: Asked) -> tuple[int, str] | None:
        """Return the status and the reason where the request is not let in."""
        if self.local and host_of(asked.host) not in LOOPBACK:
            return 421, t("This server answers only to 127.0.0.1 and localhost, not to {host!r}.", host=asked.host[:80])
        if asked.origin and urlsplit(asked.origin).netloc != asked.host:
            return 403, t("Requests from other sites' pages are refused.")
        if self.token and scope["path"] not in OPEN and not self._known(scope, asked):
            return 401, t(
                "A token is needed: the header Authorization: Bearer <token>, or open the page with ?token=<token>."
            )
        if asked.length and not (asked.length.isdecimal() and int(asked.length) <= self.limits.body):
            return 413, too_long(self.limits.body)
        return None

    def _known(self, scope: MutableMapping[str, Any], asked: Asked) -> bool:
        kind, _, given = asked.authorization.partition(" ")
        offered = [given if kind.lower() == "bearer" else "", cookie(asked.cookie)]
        if scope["path"] == "/":
            offered += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in offered if one)


def cookie(header: str) -> str:
    """Return the token that the browser keeps."""
    try:
        held = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return held.value if held else ""


def host_of(header: str) -> str:
    """Return the host without its port: "localhost:8000" → "localhost", "[::1]:8000" → "::1"."""
    return header[1:].partition("]")[0] if header.startswith("[") else header.partition(":")[0].lower()


def too_long(most: int) -> str:
    """Return what to say of a request longer than `most` bytes."""
    return t("The request is too long: at most {n} MB.", n=f"{most / 2**20:g}")


class Body:
    """The request's body, counted while it comes."""

    def __init__(self, receive: Receive, guard: Guard) -> None:
        self._receive, self._guard = receive, guard
        self.came, self.whole = 0, False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self.whole = not message.get("more_body", False)
        return message

    def _count(self, n: int) -> None:
        self.came += n
        self._guard.held += n
        limits = self._guard.limits
        if self.came > limits.body:
            raise HTTPException(413, too_long(limits.body))
        if self._guard.held > limits.bodies:
            raise Busy


class Answer:
    """The response, with the headers that every one carries (its own come first)."""

    def __init__(self, send: Send) -> None:
        self._send, self._started = send, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            own = message["headers"]
            names = {name for name, _ in own}
            message["headers"] = [*own, *(h for h in HEADERS if h[0] not in names)]
        await self._send(message)

    async def refuse(self, status: int, said: str) -> None:
        """Answer with an error, unless an answer has begun."""
        if self._started:
            return
        body = orjson.dumps({"error": said})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(b"connection", b"close")] if status in (408, 413) else []
        headers += [(b"www-authenticate", b"Bearer")] if status == 401 else []
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


@lru_cache(256)
def preferred(header: str, query: bytes = b"") -> str:
    """Return the first of our languages that Accept-Language or ?lang= asks for; "" where it asks for none."""
    asked = parse_qs(query.decode("latin-1")).get("lang", [])
    weighed = []
    for part in header.split(","):
        code, _, q = part.partition(";q=")
        try:
            weighed.append((-float(q or 1), code.strip()[:2].lower()))
        except ValueError:
            continue
    known = words.languages()
    return next((code for code in [*asked, *(c for _, c in sorted(weighed, key=lambda w: w[0]))] if code in known), "")
