"""The server before strangers: limits, hosts, tokens, headers, hostile names and files; fuzzed requests."""

import base64
import csv
import io
import json
import logging
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import served
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from aprende.app.server.guard import preferred
from aprende.app.server.serve import Limits, create_app
from aprende.core.errors import SettingError
from aprende.core.model import Model

HERE = "http://127.0.0.1:8000"
HEADER = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in served.Valuation.inputs)
LINE = '100,2,Puebla,yes,2016-05-31,"19.4,-99.1",nice,1.5,2,0'


def client(model: Model | None = None, **options: Any) -> TestClient:
    app = create_app(model or served.valuation(), **options)
    return TestClient(app, base_url=HERE, raise_server_exceptions=False)


def table(rows: int = 3) -> bytes:
    return "\n".join([HEADER, *[LINE] * rows, ""]).encode()


def send(to: TestClient, name: str, content: bytes, accept: str = "application/json") -> Any:
    return to.post("/predict/file", files={"file": (name, content)}, headers={"accept": accept})


# ---- who may ask -----------------------------------------------------------------------------------------------------


OURS = ["127.0.0.1:9", "localhost", "[::1]:8000", "LOCALHOST:1"]
THEIRS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""]


@pytest.mark.parametrize(("host", "status"), [*((h, 200) for h in OURS), *((h, 421) for h in THEIRS)])
def test_only_names_of_this_machine_are_answered(houses: TestClient, host: str, status: int) -> None:
    assert houses.get("/health", headers={"host": host}).status_code == status


def test_a_server_for_others_answers_to_any_name() -> None:
    assert client(local=False).get("/health", headers={"host": "houses.example"}).status_code == 200


def test_pages_of_other_sites_cannot_ask(houses: TestClient) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert houses.post("/predict", json={}, headers={"origin": origin}).status_code == 403
    assert houses.post("/predict", json={}, headers={"origin": HERE}).status_code == 200


def test_a_token_is_needed_where_there_is_one() -> None:
    with client(token="sesame-7") as asked:
        assert asked.get("/health").status_code == 200
        assert asked.post("/predict", json={}).status_code == 401
        assert asked.get("/?token=wrong").status_code == 401
        assert asked.post("/predict", json={}, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert asked.post("/predict", json={}, headers={"authorization": "Bearer sesame-7"}).status_code == 200
        assert asked.get("/?token=sesame-7").status_code == 200  # leaves a cookie and takes the token off the address
        assert asked.post("/predict", json={}).status_code == 200


def test_a_token_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(SettingError):
        client(token="sésamo; ábrete")


def test_every_answer_carries_the_headers(houses: TestClient) -> None:
    for answer in (
        houses.get("/"),
        houses.get("/nothing"),
        houses.post("/predict", json=3),
        houses.get("/assets/page.js"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


# ---- how much --------------------------------------------------------------------------------------------------------


def test_a_long_body_is_refused() -> None:
    with client(limits=Limits(body=1000)) as asked:
        assert asked.post("/predict", content=b" " * 1001).status_code == 413
        assert asked.post("/predict", content=iter([b" " * 600] * 3)).status_code == 413  # no length told: counted
        assert send(asked, "x.csv", table(50)).status_code == 413
        assert asked.post("/predict", content=b'{"area": 1}').status_code == 200


def test_too_many_rows_are_refused() -> None:
    with client(limits=Limits(rows=5)) as asked:
        assert asked.post("/predict", json={"rows": [{}] * 6}).status_code == 400
        assert asked.post("/predict", json={"rows": [{}] * 5}).status_code == 200
        assert send(asked, "x.csv", table(6)).status_code == 400


def test_all_bodies_together_are_limited() -> None:
    with client(limits=Limits(bodies=1000)) as asked:
        assert asked.post("/predict", content=b'{"area": 1}').status_code == 200
        assert asked.post("/predict", content=b" " * 1001).status_code == 429
        assert asked.post("/predict", content=b'{"area": 1}').status_code == 200  # what was held is given back


def test_what_takes_too_long_is_given_up() -> None:
    model = served.valuation()
    quick = model.predictor.predict
    model.predictor.predict = lambda columns: (time.sleep(0.3), quick(columns))[1]  # type: ignore[method-assign]
    with client(model, limits=Limits(seconds=0.1)) as asked:
        assert asked.post("/predict", json={}).status_code == 504
        assert asked.post("/predict", json={"rows": [{}]}).status_code == 504


def test_an_error_of_ours_shows_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    model = served.valuation()

    def broken(_: Any) -> Any:
        raise KeyError("/etc/secret")

    model.predictor.predict = broken  # type: ignore[method-assign]
    with client(model) as asked, caplog.at_level(logging.CRITICAL):
        answer = asked.post("/predict", json={})
    assert (answer.status_code, list(answer.json())) == (500, ["error"])
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_table_comes_back_with_its_answers(houses: TestClient) -> None:
    told = send(houses, "casas.csv", table()).json()
    assert [row["price"] for row in told["rows"]] == [230_000.0] * 3
    assert told["rows"][0]["town"] == "Puebla"
    text = send(houses, "casas.csv", table(), "text/csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [*served.Valuation.inputs, *served.Valuation.outputs]
    assert [row["price"] for row in rows] == ["230000.0"] * 3


def frame() -> pl.DataFrame:
    """The row of LINE in a frame."""
    values = [100.0, 2, "Puebla", True, "2016-05-31", "19.4,-99.1", "nice", 1.5, 2, 0]
    return pl.DataFrame({name: [value] for name, value in zip(served.Valuation.inputs, values, strict=True)})


def test_parquet_and_json_lines_are_read(houses: TestClient) -> None:
    held = io.BytesIO()
    frame().write_parquet(held)
    for name, content in (("x.parquet", held.getvalue()), ("x.jsonl", frame().write_ndjson().encode())):
        assert send(houses, name, content).json()["rows"][0]["price"] == 230_000


def test_xlsx_is_read(houses: TestClient) -> None:
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(frame().columns)
    book.active.append(frame().row(0))
    held = io.BytesIO()
    book.save(held)
    assert send(houses, "x.xlsx", held.getvalue()).json()["rows"][0]["price"] == 230_000


def test_pictures_and_zips_of_them_are_rows_and_a_bad_one_has_its_reason(photos: TestClient) -> None:
    inside = {"b/azul.png": picture((9, 9, 250)), "b/.DS_Store": b"", "__MACOSX/b/azul.png": b"", "c.png": b""}
    sent = {"../../rojo.png": picture((250, 9, 9)), "bad.jpg": b"no picture", "all.zip": zipped(inside)}
    files = [("file", named) for named in sent.items()]
    rows = photos.post("/predict/file", files=files).json()["rows"]
    assert [(row["file"], row.get("colour")) for row in rows] == [
        ("../../rojo.png", "rojo"), ("bad.jpg", None), ("b/azul.png", "azul"), ("c.png", None)]  # fmt: skip
    assert all("error" in row for row in rows if "colour" not in row)
    text = photos.post("/predict/file", files=files, headers={"accept": "text/csv"}).content.decode("utf-8-sig")
    assert text.splitlines()[0] == "file,colour,chances(azul),chances(rojo),chances(verde),error"  # no picture


def test_a_bad_picture_among_many_fails_alone(photos: TestClient) -> None:
    sent = {f"{i:02d}.png": picture((250, 9, 9)) if i % 7 else b"broken" for i in range(50)}
    rows = photos.post("/predict/file", files={"file": ("all.zip", zipped(sent))}).json()["rows"]
    assert [row.get("colour") for row in rows] == ["rojo" if i % 7 else None for i in range(50)]


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, colour).save(held, "PNG")
    return held.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def constant_rows(rows: int) -> bytes:
    held = io.BytesIO()
    pl.select(area=pl.repeat(1.0, rows)).write_parquet(held)
    return held.getvalue()


HOSTILE_TABLES = [
    ("x.csv", b""),
    ("x.csv", b"\0" * 1000),
    ("x.csv", b"a,b\n1,2\n"),
    ("x.csv", os.urandom(3000)),
    ("x.xlsx", b"no zip"),
    ("x.xlsx", zipped({"xl/workbook.xml": b"<x>"})),
    ("x.xlsx", zipped({"xl/workbook.xml": b"\0" * 300_000_000})),
    ("x.parquet", b"PAR1" + b"\0" * 50 + b"PAR1"),
    ("x.parquet", constant_rows(3_000_000)),
    ("x.jsonl", b"{"),
    ("x.json", b"[" * 9999),
    ("../../../x.csv", b"a\n1"),
    ("x.csv\0.png", b"a"),
    ("", b"a"),
    ("x.exe", b"MZ"),
    ("x" * 300 + ".csv", b"a\n1"),
]


@pytest.mark.parametrize(("name", "content"), HOSTILE_TABLES)
def test_hostile_tables_are_refused(houses: TestClient, name: str, content: bytes) -> None:
    answer = send(houses, name, content)
    assert answer.status_code == 400, answer.text[:300]
    assert answer.json()["error"]
    assert "/tmp" not in answer.text


def test_a_zip_that_unpacks_to_too_much_is_refused(photos: TestClient) -> None:
    answer = send(photos, "x.zip", zipped({f"{i}.png": b"\0" * 26_000_000 for i in range(11)}))
    assert (answer.status_code, "MB" in answer.text) == (400, True)


def test_a_picture_that_unpacks_to_too_much_fails_alone(photos: TestClient) -> None:
    bomb = picture((0, 0, 0), (10_100, 10_000))
    rows = photos.post(
        "/predict/file", files=[("file", ("bomb.png", bomb)), ("file", ("x.png", picture((250, 9, 9))))]
    ).json()["rows"]
    assert ["error" in row for row in rows] == [True, False]


@pytest.mark.parametrize(
    ("files", "content"), [([], None), ([("file", ("a.csv", b"a")), ("file", ("b.csv", b"a"))], None), (None, b"{}")]
)
def test_what_is_no_upload_is_refused(houses: TestClient, files: Any, content: bytes | None) -> None:
    answer = houses.post("/predict/file", files=files, content=content)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_pictures_of_one_request_are_decoded_a_few_at_a_time() -> None:
    model, sizes = served.colour(), []
    whole = model.predictor.predict
    model.predictor.predict = lambda columns: (sizes.append(len(columns["photo"])), whole(columns))[1]  # type: ignore[method-assign]
    sent = base64.b64encode(picture((9, 9, 250))).decode()
    with client(model) as asked:
        assert len(asked.post("/predict", json={"rows": [{"photo": sent}] * 30}).json()["rows"]) == 30
        send(asked, "x.zip", zipped({f"{i}.png": picture((9, 9, 250)) for i in range(30)}))
    assert sizes == [8, 8, 8, 6] * 2


def test_a_bad_picture_among_rows_is_named(photos: TestClient) -> None:
    good = base64.b64encode(picture((9, 9, 250))).decode()
    answer = photos.post("/predict", json={"rows": [{"photo": good}] * 20 + [{"photo": "AAAA"}]})
    assert answer.status_code == 400
    assert "row 21" in answer.json()["error"]


def test_nothing_is_left_behind(
    photos: TestClient, houses: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    send(houses, "../x.csv", table())
    send(photos, "x.zip", zipped({"../../x.png": picture((1, 2, 3))}))
    assert not list(tmp_path.iterdir())


# ---- fuzzing ---------------------------------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2016-01-01", "1,2"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from([*served.Valuation.inputs, "rows", "columns", "nothing"])
BODIES = st.dictionaries(NAMES, VALUES, max_size=6)
WRAPPED = st.fixed_dictionaries({"rows": st.lists(BODIES, max_size=4)}) | st.fixed_dictionaries(
    {"columns": st.dictionaries(NAMES, st.lists(VALUES, max_size=3))}
)


@given(body=BODIES | WRAPPED | VALUES, address=st.sampled_from(["/predict", "/predict", "/unlike"]))
def test_any_json_is_answered_or_refused(houses: TestClient, body: Any, address: str) -> None:
    answer = houses.post(address, content=json.dumps(body))
    assert answer.status_code in (200, 400), answer.text
    assert ("error" in answer.json()) == (answer.status_code == 400)


@given(
    content=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "multipart/form-data; boundary=x", "multipart/form-data", ""]),
)
def test_any_bytes_are_answered_or_refused(houses: TestClient, content: bytes, kind: str) -> None:
    for address in ("/predict", "/predict/file"):
        assert houses.post(address, content=content, headers={"content-type": kind}).status_code in (200, 400)


@given(st.text(alphabet="es-n;q=0.1,*é ", max_size=30), st.binary(max_size=10))
def test_any_language_header_is_understood(header: str, query: bytes) -> None:
    assert preferred(header, query) in ("", "en", "es")


# ---- the pages' own text ---------------------------------------------------------------------------------------------


def test_hostile_names_are_text_on_the_page(houses: TestClient) -> None:
    for address in ("/", "/docs"):
        page = houses.get(address).text
        assert served.HOSTILE not in page
        assert "&lt;script&gt;alert" in page
        assert page.count("<script") == 2  # ours, and the data, which no browser runs
        assert "style=" not in page


def test_nothing_is_loaded_from_elsewhere(houses: TestClient) -> None:
    for address in ("/", "/docs", "/assets/page.css", "/assets/page.js"):
        text = houses.get(address).text.replace("http://www.w3.org/2000/svg", "").replace("http://127.0.0.1", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "@import" not in text


def test_the_page_speaks_spanish(houses: TestClient) -> None:
    page = houses.get("/", headers={"accept-language": "es"})
    assert '<html lang="es">' in page.text
    assert "Predecir" in page.text
    assert page.headers["content-language"] == "es"
    assert "Predecir" in houses.get("/?lang=es", headers={"accept-language": "en"}).text


def test_assets_are_revalidated(houses: TestClient) -> None:
    first = houses.get("/assets/page.css")
    assert houses.get("/assets/page.css", headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_json_in_the_page_is_whole(houses: TestClient) -> None:
    page = houses.get("/").text
    held = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [one["name"] for one in held["inputs"]] == list(served.Valuation.inputs)
    assert held["outputs"][0]["ends"] == ["price low", "price high"]
