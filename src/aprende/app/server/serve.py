"""A model as a page and a REST service, both derived from its Fields: `create_app` (ASGI) and `serve`.

    GET  /               the page          POST /predict        one row, {"rows": [...]}, {"columns": {...}}, a form
    GET  /model          what it is        POST /predict/file   a table or pictures → the same rows with answers
    GET  /health         is it alive       POST /explain        why
    GET  /docs           how to use it     POST /unlike         which values are unlike those of train
    GET  /openapi.json   the same, for programs

Knows no modality. What a request must be before it comes here is `guard.py`'s; what is done with it `service.py`'s.
"""

import contextlib
import gc
import logging
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from aprende.app.server.batching import Busy
from aprende.app.server.guard import COOKIE, HEADERS, LOOPBACK, Guard, Limits
from aprende.app.server.service import Service, is_one
from aprende.core.bundle import Parts
from aprende.core.errors import AprendeError, InputError, MissingExtra, SettingError
from aprende.core.model import Model, OnnxForward, revive
from aprende.core.words import language, t
from aprende.intake.inputs import Inputs

try:
    import orjson
    from starlette.applications import Starlette
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import RedirectResponse, Response
    from starlette.routing import BaseRoute, Route
except ImportError:
    raise MissingExtra(t("Serving needs the serve extra: pip install 'aprende[serve]'")) from None

if TYPE_CHECKING:
    from aprende.app.server.page import Asset

Endpoint = Callable[[Request], Awaitable[Response]]
JSON = "application/json"
WARM = 32  # rows asked before the first request comes
FILES, FORM_FIELDS = 10_000, 2_000  # parts of one form


def create_app(model: Model, limits: Limits = Limits(), token: str = "", local: bool = True) -> Starlette:  # noqa: B008
    """Return the ASGI application. token: what every request but /health must carry ("": none).

    local: answer only to names of this machine. Raises SettingError for a token that headers cannot carry.
    """
    check_token(token)
    service = Service(model, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    app = Starlette(routes=_routes(service, token), lifespan=lifespan)
    app.add_middleware(Guard, limits=limits, token=token, local=local)
    for kind in (AprendeError, Busy, HTTPException, Exception):
        app.add_exception_handler(kind, _refuse)
    return app


def check_token(token: str) -> None:
    """Raise SettingError for a token that a header or an address could not carry."""
    if not re.fullmatch(r"[A-Za-z0-9._~-]*", token):
        raise SettingError(t("A token may hold letters without accents, digits and . _ ~ - only."))


def _routes(service: Service, token: str) -> list[BaseRoute]:
    """Return every route with its endpoint."""
    api = Api(service)
    return [
        Route("/predict", api.predict, methods=["POST"]),
        Route("/predict/file", api.predict_file, methods=["POST"]),
        Route("/drawn", api.drawn, methods=["POST"]),
        Route("/explain", api.explain, methods=["POST"]),
        Route("/unlike", api.unlike, methods=["POST"]),
        Route("/health", api.health),
        Route("/model", api.about),
        *_pages(service, token),
    ]


class Api:
    """The endpoints that programs use."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def predict(self, request: Request) -> Response:
        body = await self._body(request)
        answer = await (self.service.one(body) if is_one(body) else self.service.many(body))
        return Response(answer, media_type=JSON)

    async def predict_file(self, request: Request) -> Response:
        files = [(f.filename or "", await f.read()) async for f in _files(request)]
        csv = "text/csv" in request.headers.get("accept", "")
        answer = await self.service.files(files, csv)
        named = {"content-disposition": 'attachment; filename="predictions.csv"'} if csv else {}
        return Response(answer, media_type="text/csv" if csv else JSON, headers=named)

    async def drawn(self, request: Request) -> Response:
        return Response(await self.service.drawn(await self._body(request)), media_type=JSON)

    async def explain(self, request: Request) -> Response:
        body = await self._body(request)
        found = await self.service.explain(body, request.query_params.get("output"))
        return _json(found[0] if is_one(body) else {"rows": found})

    async def unlike(self, request: Request) -> Response:
        body = await self._body(request)
        found = await self.service.unlike(body)
        return _json({"columns": found[0]} if is_one(body) else {"rows": [{"columns": names} for names in found]})

    async def health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def about(self, _: Request) -> Response:
        return _json(self.service.about())

    async def _body(self, request: Request) -> Any:
        """Return the JSON that came; a form is one row, its files are what they hold."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_files=FILES, max_fields=FORM_FIELDS) as form:
                return {n: await self._value(n, v) for n, v in form.multi_items()}
        try:
            return orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise InputError(t("The request is no JSON: {error}.", error=error)) from None

    async def _value(self, name: str, value: "UploadFile | str") -> Any:
        return self.service.inputs.of_text(name, value) if isinstance(value, str) else await value.read()


async def _files(request: Request) -> AsyncIterator[UploadFile]:
    """Yield the files of a form; raise InputError where the request is none."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InputError(t("Send the file as a form: curl -F file=@houses.csv …"))
    async with request.form(max_files=FILES, max_fields=FORM_FIELDS) as form:
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                yield value


def _pages(service: Service, token: str) -> list[Route]:
    """Return the routes that people open in a browser, with their assets."""
    from aprende.app.server import openapi, page

    assets = page.assets()

    async def home(request: Request) -> Response:
        if token and request.query_params.get("token"):  # keep it out of the address from here on
            kept = RedirectResponse("/", 303)
            kept.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return kept
        return _html(page.home(service.model, service.limits, await service.order()))

    async def docs(request: Request) -> Response:
        return _html(page.docs(openapi.describe(service.model), str(request.base_url).rstrip("/")))

    async def described(_: Request) -> Response:
        return _json(openapi.describe(service.model))

    return [
        Route("/", home),
        Route("/docs", docs),
        Route("/openapi.json", described),
        *(Route(f"/assets/{name}", _asset(held)) for name, held in assets.items()),
    ]


def _asset(held: "Asset") -> Endpoint:
    headers = {"etag": held.etag, "cache-control": "no-cache"}

    async def endpoint(request: Request) -> Response:
        if request.headers.get("if-none-match") == held.etag:
            return Response(status_code=304, headers=headers)
        return Response(held.content, media_type=held.kind, headers=headers)

    return endpoint


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, JSON)


def _html(text: str) -> Response:
    return Response(text, media_type="text/html", headers={"content-language": language(), "vary": "accept-language"})


async def _refuse(request: Request, error: Exception) -> Response:
    """Return what went wrong as {"error": text}; never a traceback."""
    if isinstance(error, AprendeError):
        return _json({"error": str(error)}, 400)
    if isinstance(error, Busy):
        return _json({"error": t("Too many requests wait. Try again in a second.")}, 429, {"retry-after": "1"})
    if isinstance(error, HTTPException):
        return _json({"error": _said(request, error)}, error.status_code, dict(error.headers or {}))
    failed = t("Something went wrong in the server. It is in its log.")
    return _json({"error": failed}, 500, {k.decode(): v.decode() for k, v in HEADERS})


def _said(request: Request, error: HTTPException) -> str:
    """Return in the asker's language what the framework refused."""
    if error.status_code == 404:
        return t("There is nothing at {path}.", path=request.url.path)
    if error.status_code == 405:
        return t("{path} does not take {method}.", path=request.url.path, method=request.method)
    return str(error.detail)


@dataclass(frozen=True)
class Factory:
    """Makes the application in each process that serves it."""

    parts: Parts
    limits: Limits
    token: str
    local: bool
    threads: int

    def __call__(self) -> Starlette:
        model = revive(self.parts, OnnxForward(self.parts.onnx, self.threads), "")
        rng = np.random.default_rng(0)
        n = 1 if Inputs(model.inputs).files else WARM
        model.predict({name: field.sample(rng, n) for name, field in model.inputs.items()})  # loads what it needs
        app = create_app(model, self.limits, self.token, self.local)
        gc.collect()
        gc.freeze()  # what stands for good is not looked through again: that takes 40 ms each time
        gc.set_threshold(20_000, 20, 50)  # a batch makes some thousand objects, and no cycles
        return app


def serve(
    model: Model,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    token: str = "",
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """Serve until interrupted. workers: processes; more than one helps where there are cores to spare.

    Raises SettingError where the address or the token cannot be used.
    """
    local = host in LOOPBACK
    check_token(token)
    held = listen(host, port)
    shared = replace(limits, waiting=max(1, limits.waiting // workers), jobs=max(1, limits.jobs // workers))
    factory = Factory(model.parts, shared, token, local, threads_for(model, workers))
    _announce(model, host, held.getsockname()[1], token, local)
    started = [get_context("spawn").Process(target=_run, args=(factory, held), daemon=True) for _ in range(workers - 1)]
    for process in started:
        process.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the others are ended too
    try:
        _run(factory, held)
    finally:
        for process in started:
            process.terminate()
        held.close()


def threads_for(model: Model, workers: int) -> int:
    """Return the threads of one predict: a picture's network uses all cores; for a row, to wake them takes longer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers) if Inputs(model.inputs).files else 1


def _run(factory: Factory, held: socket.socket) -> None:
    """Serve in this process until SIGINT or SIGTERM; requests that are under way get some seconds to end."""
    import uvicorn

    from aprende.app.server.wire import Shared, Wire

    config = uvicorn.Config(
        factory,
        factory=True,
        http=Wire,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run([Shared(held.family, held.type, held.proto, held.detach())])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raise SettingError where none can."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        held = socket.socket(family, kind, proto)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
        held.listen(2048)
    except (OSError, OverflowError) as error:
        said = t("Cannot listen on {host}, port {port}: {why}. Try another --port.", host=host, port=port, why=error)
        raise SettingError(said) from None
    return held


def _announce(model: Model, host: str, port: int, token: str, local: bool) -> None:
    """Say where it is; warn where others can reach it."""
    if not local:
        warning = t("Warning: everyone who can reach this computer can use the model at {host}.", host=host)
        logging.getLogger("aprende").warning(warning if token else f"{warning} {t('Ask for a token with --token.')}")
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/{f'?token={token}' if token else ''}"
    print(t("{title}: {address}  (Ctrl-C ends it)", title=t(model.system.card.title), address=address), flush=True)


__all__ = ["Limits", "create_app", "listen", "serve"]
