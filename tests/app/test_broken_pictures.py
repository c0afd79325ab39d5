"""Python: a broken picture in a folder is set aside and listed; the others are answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import served
from PIL import Image

from aprende.app.api import Model


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("listed", [False, True])
def test_one_bad_picture_ends_nothing(tmp_path: Path, n: int, listed: bool) -> None:
    for i in range(n):
        Image.fromarray(np.full((20, 20, 3), 5 * i, np.uint8)).save(tmp_path / f"{i:02d}.png")
    (tmp_path / "03b.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    source: Any = sorted(tmp_path.iterdir()) if listed else tmp_path
    model = Model(served.colour(), tmp_path)
    with pytest.warns(UserWarning, match=r"03b\.png"):
        answers = model.predict(source)
    assert {len(column) for column in answers.values()} == {n}
    table, _ = model.read(source)
    assert [Path(f).name for f in table.columns["file"]] == [f"{i:02d}.png" for i in range(n)]
