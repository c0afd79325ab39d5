"""The REST service: what it answers, that rows gathered from many askers stay apart, and what it tells of a model."""

import asyncio
import base64
import io
import json
import threading
import time
from typing import Any

import numpy as np
import pytest
import served
from PIL import Image
from starlette.testclient import TestClient

from aprende.app.server.batching import Batcher, Busy, Line
from aprende.app.server.serve import Limits, create_app
from aprende.app.server.service import leading, unwrapped
from aprende.core.errors import InputError

ROW = {"area": 100, "rooms": 2, "town": "Puebla", "garden": True, "sold on": "2016-05-31", "where": [19.4, -99.1]}
PRICE = 1000 * 100 + 50_000 * 2 + 20_000 + 10_000


def png(colour: tuple[int, int, int], size: int = 8) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(held, "PNG")
    return held.getvalue()


# ---- predict ---------------------------------------------------------------------------------------------------------


def test_one_row_is_one_object(houses: TestClient) -> None:
    answer = houses.post("/predict", json=ROW)
    assert answer.status_code == 200
    assert answer.json() == pytest.approx({"price": PRICE, "price low": 0.9 * PRICE, "price high": 1.1 * PRICE})


@pytest.mark.parametrize("body", [{"rows": [ROW, {"area": 1}]}, {"columns": {"area": [100, 1], "rooms": [2, None],
    "town": ["Puebla", None], "garden": [True, None]}}])  # fmt: skip
def test_rows_and_columns_are_many(houses: TestClient, body: Any) -> None:
    answer = houses.post("/predict", json=body)
    assert [row["price"] for row in answer.json()["rows"]] == [PRICE, 1000]


def test_what_is_left_out_is_missing(houses: TestClient) -> None:
    assert houses.post("/predict", json={}).json()["price"] == 0
    assert houses.post("/predict", json={"area": None, "town": None}).json()["price"] == 0


def test_a_form_is_a_row(houses: TestClient) -> None:
    answer = houses.post("/predict", files={"area": (None, "100"), "rooms": (None, "2"), "garden": (None, "")})
    assert answer.json()["price"] == 200_000
    refused = houses.post("/predict", files={"area": (None, "large")})
    assert refused.status_code == 400
    assert "large" in refused.json()["error"]


def test_columns_may_be_called_rows_or_columns() -> None:
    for row in (
        {"rows": 3},
        {"columns": None},
        {"rows": [19.4, -99.1]},
        {"columns": {"lat": 1, "lng": 2}},
        {"rows": [], "a": 1},
    ):
        assert unwrapped(row) == ([row], None)
    assert unwrapped({"rows": [{"rows": 3}]}) == ([{"rows": 3}], None)
    assert unwrapped({"columns": {"columns": [3]}}) == ([], {"columns": [3]})


def test_many_rows_are_answered_in_pieces(houses: TestClient) -> None:
    answer = houses.post("/predict", json={"columns": {"area": list(range(3000))}})
    assert [row["price"] for row in answer.json()["rows"]] == pytest.approx([1000.0 * i for i in range(3000)])


@pytest.mark.parametrize("wrapped", ["", "data:image/png;base64,"])
def test_a_picture_comes_as_base64(photos: TestClient, wrapped: str) -> None:
    answer = photos.post("/predict", json={"photo": wrapped + base64.b64encode(png((250, 10, 10))).decode()}).json()
    assert answer["colour"] == "rojo"
    assert sum(answer["chances"].values()) == pytest.approx(1, abs=1e-5)
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["grey"])))).shape == (8, 8)


def test_a_picture_comes_as_a_file(photos: TestClient) -> None:
    sent = {"photo": ("x.png", png((10, 10, 250))), "caption": (None, "sky")}
    assert photos.post("/predict", files=sent).json()["colour"] == "azul"


# ---- wrong requests --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "said"), [
    ({"areas": 3}, "'area'"),
    ({"area": "large"}, "large"),
    ({"area": -1}, "-1"),
    ({"area": [1]}, "[1]"),
    ({"town": 3}, "town"),
    ({"sold on": "yesterday"}, "2016-05-31"),
    ({"where": [99, 0]}, "where"),
    ({"description": "x" * 20_001}, "20000"),
    ([], "[]"),
    ([ROW], "row"),
    (3, "3"),
    (None, "None"),
    ({"rows": []}, "no rows"),
    ({"columns": {}}, "no rows"),
    ({"columns": {"area": []}}, "no rows"),
    ({"columns": {"area": [1, 2], "rooms": [1]}}, "equally long"),
    ({"columns": {"aera": [1]}}, "'area'"),
    ({"rows": [{"area": 1}, {"area": "large"}]}, "row 2"),
])  # fmt: skip
def test_a_wrong_request_is_told_why(houses: TestClient, body: Any, said: str) -> None:
    answer = houses.post("/predict", content=json.dumps(body))
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"area": NaN}', b"[" * 5000, b'{"area": 1}{}'])
def test_what_is_no_json_is_refused(houses: TestClient, content: bytes) -> None:
    answer = houses.post("/predict", content=content)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize(
    "sent", ["", "no base64!", "data:image/png;base64,", base64.b64encode(b"no picture").decode(), 3, None]
)
def test_what_is_no_picture_is_refused(photos: TestClient, sent: Any) -> None:
    answer = photos.post("/predict", json={"photo": sent})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_needed_picture_cannot_be_left_out(photos: TestClient) -> None:
    for body in ({"caption": "x"}, {"rows": [{"caption": "x"}]}):
        answer = photos.post("/predict", json=body)
        assert answer.status_code == 400
        assert "photo" in answer.json()["error"]


def test_errors_speak_the_askers_language(houses: TestClient) -> None:
    asked = {"content": '{"areas": 3}'}
    assert "Did you mean" in houses.post("/predict", **asked).json()["error"]
    spanish = houses.post("/predict", **asked, headers={"accept-language": "fr, es-MX;q=0.8, en;q=0.5"})
    assert "¿" in spanish.json()["error"]
    assert "¿" in houses.post("/predict?lang=es", **asked).json()["error"]


def test_unknown_addresses_and_methods(houses: TestClient) -> None:
    assert houses.get("/nothing").json() == {"error": "There is nothing at /nothing."}
    assert houses.get("/predict").status_code == 405
    assert houses.get("/assets/../serve.py").status_code == 404
    assert houses.get("/assets/%2e%2e%2fserve.py").status_code == 404


# ---- what else it tells ----------------------------------------------------------------------------------------------


def test_the_model_is_told_without_rows_of_train_and_without_paths(houses: TestClient) -> None:
    told = houses.get("/model")
    assert told.json()["scores"]["main"] == "mean absolute error"
    assert told.json()["inputs"]["area"]["unit"] == "m²"
    assert "background" not in told.json()
    assert "/home/" not in told.text


def test_openapi_has_the_fields(houses: TestClient) -> None:
    described = houses.get("/openapi.json").json()
    row = described["components"]["schemas"]["Row"]
    assert row["properties"]["area"] == {"type": ["number", "null"], "minimum": 0, "maximum": 100_000, "example": 90.0}
    assert row["additionalProperties"] is False
    example = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert houses.post("/predict", json=example).status_code == 200


def test_a_picture_is_needed_in_openapi(photos: TestClient) -> None:
    row = photos.get("/openapi.json").json()["components"]["schemas"]["Row"]
    assert row["required"] == ["photo"]
    assert row["properties"]["photo"]["contentEncoding"] == "base64"


def test_explanations_add_up(houses: TestClient) -> None:
    found = houses.post("/explain", json=ROW).json()
    assert found["answer"] == pytest.approx(PRICE)
    assert found["base"] + sum(e["effect"] for e in found["effects"]) == pytest.approx(PRICE)
    assert {e["column"] for e in found["effects"]} == set(served.Valuation.inputs)
    many = houses.post("/explain?output=price low", json={"rows": [ROW, ROW]}).json()["rows"]
    assert [one["output"] for one in many] == ["price low"] * 2
    assert houses.post("/explain?output=nothing", json=ROW).status_code == 400
    assert houses.post("/explain", json={"rows": [ROW] * 17}).status_code == 400


def test_a_picture_is_explained_by_place(photos: TestClient) -> None:
    found = photos.post("/explain", json={"photo": base64.b64encode(png((250, 10, 10), 28)).decode()}).json()
    assert found["output"] == "rojo"
    assert np.array(found["effects"][0]["map"]).ndim == 2


def test_one_explained_picture_tells_how_far_to_trust_the_map(photos: TestClient) -> None:
    row = {"photo": base64.b64encode(png((250, 10, 10), 28)).decode()}
    found = photos.post("/explain", json=row, headers={"accept-language": "es"}).json()["effects"][0]["faithfulness"]
    assert {"own", "random", "centre", "words"} == set(found)
    assert set(found["own"]) == {"deletion", "insertion"}
    assert found["words"].split()[0] in ("Fiel:", "Dudoso:", "No")
    many = photos.post("/explain", json={"rows": [row, row]}).json()["rows"]
    assert "faithfulness" not in many[0]["effects"][0]  # each costs many predictions


def test_unlike_values_are_named(houses: TestClient) -> None:
    assert houses.post("/unlike", json={"area": 99_999, "rooms": 3, "town": "Atlantis"}).json() == {
        "columns": ["area", "town"]
    }
    assert houses.post("/unlike", json={"rows": [{}]}).json() == {"rows": [{"columns": []}]}


def test_a_form_asks_first_for_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert leading(served.valuation()) == list(served.Valuation.inputs)  # few: as they are
    monkeypatch.setattr("aprende.app.server.service.FEW_INPUTS", 3)
    assert set(leading(served.valuation())[:4]) == {"area", "rooms", "town", "garden"}
    assert leading(served.colour()) == ["photo", "caption"]


# ---- many askers -----------------------------------------------------------------------------------------------------


def test_rows_of_many_askers_are_answered_together_and_a_bad_one_fails_alone() -> None:
    sizes = []

    def answer(rows: list[int]) -> list[int]:
        sizes.append(len(rows))
        time.sleep(0.005)
        if 13 in rows:
            raise InputError("13")
        return [10 * row for row in rows]

    async def ask() -> list[Any]:
        batcher: Batcher[int, int] = Batcher(answer, most=32)
        return await asyncio.gather(*(batcher.ask(i) for i in range(100)), return_exceptions=True)

    found = asyncio.run(ask())
    assert isinstance(found[13], InputError)
    assert [v for i, v in enumerate(found) if i != 13] == [10 * i for i in range(100) if i != 13]
    assert max(sizes) == 32
    assert len(sizes) < 20


def test_who_has_gone_is_not_answered() -> None:
    seen: list[int] = []
    free = threading.Event()

    def answer(rows: list[int]) -> list[int]:
        seen.extend(rows)
        free.wait(5)
        return rows

    async def ask() -> int:
        batcher: Batcher[int, int] = Batcher(answer)
        first = batcher.ask(1)
        await asyncio.sleep(0.02)
        gone, last = batcher.ask(2), batcher.ask(3)
        gone.cancel()
        free.set()
        return await first + await last

    assert asyncio.run(ask()) == 4
    assert seen == [1, 3]


def test_too_many_are_refused_at_once() -> None:
    async def ask() -> list[Any]:
        batcher: Batcher[int, int] = Batcher(lambda rows: rows, waiting=5)
        waiting = [batcher.ask(i) for i in range(5)]
        with pytest.raises(Busy):
            batcher.ask(5)
        return [await one for one in waiting]

    assert asyncio.run(ask()) == list(range(5))


def test_a_job_that_nobody_waits_for_ends() -> None:
    ended = threading.Event()

    def job(check: Any) -> None:
        try:
            while True:
                check()
                time.sleep(0.002)
        finally:
            ended.set()

    async def ask() -> None:
        line = Line(1, 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.run(job), 0.05)
        await asyncio.to_thread(ended.wait, 5)
        await asyncio.sleep(0.05)
        assert await line.run(lambda check: 7) == 7  # its place is free again

    asyncio.run(ask())
    assert ended.is_set()


def test_overload_is_429_and_nothing_else() -> None:
    model = served.valuation()
    slow = model.predictor.predict
    model.predictor.predict = lambda columns: (time.sleep(0.02), slow(columns))[1]  # type: ignore[method-assign]
    with TestClient(create_app(model, Limits(waiting=4)), base_url="http://127.0.0.1:8000") as client:
        codes = _at_once(lambda i: client.post("/predict", json={"area": i}), 60)
    assert {answer.status_code for answer in codes} == {200, 429}
    assert all(a.headers["retry-after"] == "1" for a in codes if a.status_code == 429)
    assert all(a.json()["price"] == 1000 * i for i, a in enumerate(codes) if a.status_code == 200)


def _at_once(call: Any, n: int) -> list[Any]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))
