"""A model that learnt from a Spanish file reads one row as that file was written: CSV, Python, REST."""

from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from aprende.app import api
from aprende.app.server.serve import create_app

WRITTEN = {"fecha": "03/04/2016", "superficie": "1.234", "zona": "z1"}
PLAIN = {"fecha": "2016-04-03", "superficie": 1234.0, "zona": "z1"}


def test_one_row_by_every_door(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for i in range(120):
        size, day, month = rng.uniform(1, 2000), rng.integers(1, 29), rng.integers(1, 13)
        price = size * 50 + month * 4000 + day * 10
        written = f"{size:,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{day:02d}/{month:02d}/2016;{written};z{i % 3};{price:.0f}")
    (tmp_path / "casas.csv").write_text("fecha;superficie;zona;precio\n" + "\n".join(lines))
    made = api.train(tmp_path / "casas.csv", target="precio", network="trees", folds=2, steps=3, out=tmp_path / "run")
    model = api.load(made.folder)
    fields = model.core.inputs
    assert fields["fecha"].day_first is True  # type: ignore[attr-defined]
    assert fields["superficie"].decimal == ","  # type: ignore[attr-defined]

    right = model.predict(PLAIN)["precio"][0]
    assert model.predict(WRITTEN)["precio"][0] == right
    (tmp_path / "una.csv").write_text("fecha,superficie,zona\n03/04/2016,1.234,z1\n")
    assert model.predict(tmp_path / "una.csv")["precio"][0] == right
    assert model.predict({**PLAIN, "superficie": 1.234})["precio"][0] != right
    with TestClient(create_app(model.core), base_url="http://127.0.0.1:8000") as client:
        for body in (WRITTEN, {"rows": [WRITTEN]}, {"columns": {n: [v] for n, v in WRITTEN.items()}}):
            answer = client.post("/predict", json=body).json()
            found = answer["rows"][0] if "rows" in answer else answer
            assert abs(found["precio"] - right) < 1e-6 * right
        assert client.post("/predict", json={**WRITTEN, "superficie": "grande"}).status_code == 400
