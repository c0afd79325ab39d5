"""What is made of a model: the ONNX graph, an explanation, the report, the service, the files."""

import asyncio
import io
import json
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aprende.app.checks import hostile
from aprende.app.checks.case import Case, check, need
from aprende.core import flow
from aprende.core import model as models
from aprende.core.contract import as_rows
from aprende.core.errors import ContractError, ModelError
from aprende.core.fields import Columns, Json


@check
def onnx_equals_the_network(case: Case) -> None:
    predictor = case.run.predictor
    network, graph = predictor.network, models.OnnxForward(case.model.parts.onnx)
    need(network is not None, "the learner left no predictor.network")
    for columns in (case.examples(16), case.random(16), case.edges()):
        answers = [_through(case, forward, columns) for forward in (network, graph)]
        gap = flow.largest_gap(*answers)
        need(gap <= 1e-3, f"the ONNX graph answers otherwise than the network (by {gap:.2g})")


def _through(case: Case, forward: object, columns: Columns) -> Columns:
    predictor = case.run.predictor
    before, predictor.forward = predictor.forward, forward  # type: ignore[assignment]
    try:
        return predictor.predict(columns)
    finally:
        predictor.forward = before


@check
def explanations_name_inputs(case: Case) -> None:
    from aprende.insight.explain import explain

    (found,) = explain(case.model, case.examples(1))
    need(found.attributions, "the explanation is empty")
    unknown = {a.column for a in found.attributions} - set(case.model.inputs)
    need(not unknown, f"the explanation names columns that are no inputs: {sorted(unknown)}")


@check
def a_network_that_opens_can_be_looked_into(case: Case) -> None:
    from aprende.insight.opened import Openable, open_network, pixels_of

    predictor = case.model.predictor
    if not isinstance(predictor, Openable):
        return
    network = open_network(case.model)
    answers = network.centres(pixels_of(predictor, case.examples(4)[next(iter(case.model.inputs))]))
    need(len(answers) == len(network.layers), "some layers answer nothing")
    for layer, found in zip(network.layers, answers, strict=True):
        need(np.isfinite(found).all(), f"layer {layer.name} answers numbers that are not finite")
    need(
        answers[-1].std(axis=0).max() > 0,
        "the opened network answers the same to every picture: are these its weights?",
    )


@check
def the_report_is_one_file(case: Case) -> None:
    from aprende.app.report import render

    page = render(case.run)
    need(page.lstrip().lower().startswith("<!doctype html>"), "the report is no HTML page")
    for reference in ('src="http', "src='http", '<link rel="stylesheet" href', "@import"):
        need(reference not in page, f"the report refers to other files: {reference}")


@check
def the_service_answers_and_refuses(case: Case) -> None:
    asyncio.run(_serve(case))


async def _serve(case: Case) -> None:
    from aprende.app.server.serve import create_app

    row = as_rows(case.examples(1), case.model.inputs)[0]
    app = create_app(case.model)
    async with app.router.lifespan_context(app):
        status, said = await _ask(app, "POST", "/predict", row)
        need(status == 200, f"a valid row was answered with {status}: {said[:200]!r}")
        need(set(case.model.outputs) <= set(json.loads(said)), f"the answer lacks outputs: {said[:200]!r}")
        wrong: list[Json] = [[], {**row, "nothing of this name": 1}, {**row, next(iter(row)): {"a": [[]]}}]
        for body in wrong:
            status, said = await _ask(app, "POST", "/predict", body)
            need(status == 400 and json.loads(said)["error"], f"a wrong row was answered with {status}: {said[:200]!r}")
        for path in ("/", "/docs", "/openapi.json", "/model"):
            status, _ = await _ask(app, "GET", path)
            need(status == 200, f"{path} does not open: {status}")


async def _ask(app: Any, method: str, path: str, body: Json = None) -> tuple[int, bytes]:
    """Send one request straight to an ASGI application; return its status and what it answered."""
    content = json.dumps(body).encode()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"),
               (b"content-length", str(len(content)).encode())]  # fmt: skip
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
             "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": headers,
             "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}  # fmt: skip
    parts = [{"type": "http.request", "body": content, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else await asyncio.Future()  # whoever asks is still there

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


@check
def no_artefact_is_a_pickle(case: Case) -> None:
    for name, content in _contents(case.run.folder):
        need(not is_pickle(content), f"{name} is a pickle")
    for name, array in case.model.parts.arrays.items():
        need(array.dtype.kind in "fiub", f"array {name} holds {array.dtype}, not numbers")
        need(array.dtype != "uint8" or not is_pickle(array.tobytes()), f"array {name} hides a pickle")


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's bytes, and every member's of files that are zips."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        yield path.name, content
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield from ((f"{path.name}/{name}", archive.read(name)) for name in archive.namelist())


def is_pickle(content: bytes) -> bool:
    """Tell whether the bytes are a whole pickle, without loading it."""
    try:
        return sum(1 for _ in pickletools.genops(content)) > 1
    except (ValueError, KeyError, IndexError, UnicodeDecodeError):
        return False


@check
def hostile_files_are_refused(case: Case) -> None:
    file = case.folder / "hostile.aprende"
    example = case.examples(1)
    for done, content in hostile.variants(case.run.folder / flow.MODEL):
        file.write_bytes(content)
        need(_refused(file, example), f"a model file was used though it has {done}")
    for done, content in hostile.doubtful(case.run.folder / flow.MODEL):
        file.write_bytes(content)
        _loads_or_refuses(file, done)


def _refused(file: Path, example: Columns) -> bool:
    try:
        models.load(file).predict(example)
    except ModelError:
        return True
    return False


def _loads_or_refuses(file: Path, done: str) -> None:
    try:
        models.load(file)
    except ModelError:
        return
    except Exception as error:  # noqa: BLE001  anything else is the finding
        raise ContractError(
            f"a model file with {done} raises {type(error).__name__}, not ModelError: {error}"
        ) from None
