"""A model file: what goes in comes out; a stranger's file is refused with a ModelError, whatever is in it."""

import json
import random
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.app.checks import hostile
from aprende.core import bundle, model
from aprende.core.errors import InputError, ModelError


def refuse(path: Path) -> str:
    """Load and predict; return the ModelError's text."""
    with pytest.raises(ModelError) as caught:
        model.load(path).predict({"x": [1.0], "y": [2.0]})
    return str(caught.value)


def test_what_goes_in_comes_out(model_file: Path) -> None:
    parts = bundle.read(model_file)
    assert parts.manifest["system"] == "sum_of_two"
    assert parts.manifest["facts"]["note"] == "kept"
    assert parts.manifest["settings"]["depth"] == 2
    assert parts.only("network/")["weights"].tolist() == [[2.0], [-1.0]]
    assert parts.only("encode/")["shift"].tolist() == [0.0, 0.0]
    assert model.load(model_file).predict({"x": [3, 0], "y": [1, 1]}) == {
        "score": pytest.approx([5.0, -1.0]), "word": ["yes", "no"]}  # fmt: skip


def test_the_same_model_is_the_same_file(model_file: Path) -> None:
    before = model_file.read_bytes()
    loaded = model.load(model_file)
    parts = bundle.read(model_file)
    loaded.predictor.network = type("Held", (), {"weights": lambda self: parts.only("network/")})()
    about = {k: parts.manifest[k] for k in ("scores", "background")}
    bundle.save(model_file, "sum_of_two", loaded.system.Settings(), loaded.predictor, parts.onnx, about)
    assert model_file.read_bytes() == before


def test_the_zip_holds_three_members_and_no_code(model_file: Path) -> None:
    with zipfile.ZipFile(model_file) as archive:
        assert sorted(archive.namelist()) == sorted(bundle.MEMBERS)


def test_no_file_and_a_folder_are_told(tmp_path: Path) -> None:
    assert "There is no model at" in refuse(tmp_path / "none.aprende")
    assert "is not a model of aprende" in refuse(tmp_path)


def test_every_hostile_file_is_refused(model_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    for done, content in hostile.variants(model_file):
        path.write_bytes(content)
        assert refuse(path), done


@pytest.mark.parametrize(
    ("done", "said"),
    [
        ("cut at 50 %", "is not a model of aprende, or is damaged"),
        ("a further member", "should hold manifest.json, weights.safetensors, network.onnx and nothing else"),
        ("a name that climbs out", "and nothing else"),
        ("one bit of the weights turned", "weights.safetensors does not match its hash"),
        ("a pickle instead of weights", "its weights cannot be read"),
        ("a bomb", "unpacks to 50000000 bytes"),
        ("a graph that reads another file", "refers to files outside"),
        ("text instead of a graph", "network cannot be used"),
        ("an unknown format", "has format 999; this version reads 1"),
        ("an unknown system", "Unknown system 'nothing_of_this_name'"),
        ("an unknown setting", "Unknown setting 'nothing'"),
        ("a manifest nested deep", "its manifest cannot be read"),
        ("a manifest without facts", "its manifest is incomplete"),
    ],
)
def test_the_refusal_says_why(done: str, said: str, model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(dict(hostile.variants(model_file))[done])
    assert said in refuse(tmp_path / "h")


def test_nonsense_in_the_manifest_loads_or_is_refused(model_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "doubtful"
    for _, content in hostile.doubtful(model_file):
        path.write_bytes(content)
        try:
            model.load(path)
        except ModelError:
            continue


def test_a_bomb_is_refused_before_it_is_unpacked(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(dict(hostile.variants(model_file))["a bomb"])
    tracemalloc.start()
    refuse(tmp_path / "bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_size_that_lies_is_refused(model_file: Path, tmp_path: Path) -> None:
    """The zip's directory says that the member is small; unpacking stops there and the checksum tells."""
    content = dict(hostile.variants(model_file))["a bomb"]
    small = content.replace((50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert small != content
    (tmp_path / "lie").write_bytes(small)
    tracemalloc.start()
    assert refuse(tmp_path / "lie")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_huge_manifest_is_refused_before_it_is_read(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_MANIFEST", 100)
    assert "manifest.json unpacks to" in refuse(model_file)


@pytest.mark.parametrize("tag", [b"\n", b"\x8a\x00", b"\x8a\x80\x80\x00"])
@pytest.mark.parametrize("length", [b"\x08", b"\x88\x00", b"\x88\x80\x00"])
def test_external_data_is_found_however_it_is_written(tag: bytes, length: bytes) -> None:
    """Protobuf numbers may be written in more bytes than they need."""
    with pytest.raises(ModelError, match="outside"):
        bundle._check_graph(Path("m"), b"\x12\x34" + tag + length + b"location\x12\x01a")


def test_a_node_named_location_is_no_external_data() -> None:
    bundle._check_graph(Path("m"), b"\n\x0clocation/Add\x12\x0alocation_1")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int, model_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(model_file) as archive, zipfile.ZipFile(tmp_path / "m", "w", method) as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    assert f"compression {method}" in refuse(tmp_path / "m")


def test_a_name_twice_in_the_zip_is_refused(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "twice").write_bytes(model_file.read_bytes())
    with zipfile.ZipFile(tmp_path / "twice", "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("network.onnx", b"other")
    assert "nothing else" in refuse(tmp_path / "twice")


def test_an_encrypted_member_is_refused(model_file: Path, tmp_path: Path) -> None:
    content = bytearray(model_file.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1  # the flag "encrypted" in the directory
    (tmp_path / "secret").write_bytes(bytes(content))
    assert refuse(tmp_path / "secret")


def test_any_damaged_byte_is_found(model_file: Path, tmp_path: Path) -> None:
    """Flip one random byte, 600 times: refused, or (in a timestamp, say) the very same model; never anything else."""
    whole = model_file.read_bytes()
    right = model.load(model_file).predict({"x": [3.0], "y": [1.0]})["score"]
    chance = random.Random(0)
    path = tmp_path / "damaged"
    for _ in range(600):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(content))
        try:
            found = model.load(path).predict({"x": [3.0], "y": [1.0]})["score"]
        except ModelError:
            continue
        assert found == right


@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        model.load(path)


def test_a_field_that_does_not_fit_the_facts_is_refused(model_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(model_file) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    manifest["inputs"]["x"]["high"] = 5.0
    members["manifest.json"] = json.dumps(manifest).encode()
    (tmp_path / "m").write_bytes(hostile.packed(members))
    assert "is damaged" in refuse(tmp_path / "m")


def test_nothing_that_is_no_number_is_saved(model_file: Path) -> None:
    """NaN in the facts would be no JSON; a half-written file must not stay."""
    loaded = model.load(model_file)
    loaded.predictor.facts = {**loaded.predictor.facts, "bad": float("nan")}
    with pytest.raises(ValueError):
        bundle.save(model_file.with_name("n"), "sum_of_two", loaded.system.Settings(), loaded.predictor, b"", {})
    assert not model_file.with_name("n").exists()


def test_large_inputs_go_in_pieces(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = model.load(model_file)
    columns = {"x": np.arange(10.0), "y": np.ones(10)}
    whole = loaded.predict(columns)
    monkeypatch.setattr(model, "ROWS_AT_ONCE", 3)
    assert loaded.predict(columns)["score"].tolist() == whole["score"].tolist()
    assert loaded.predict(columns)["word"] == whole["word"]


def test_the_row_of_a_wrong_value_is_counted_over_all_pieces(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "ROWS_AT_ONCE", 3)
    with pytest.raises(InputError, match=r"x: expected a number, got 'wrong' \(row 8\)"):
        model.load(model_file).predict({"x": [*range(7), "wrong"], "y": [1.0] * 8})


def test_a_column_that_is_too_long_is_found_though_pieces_would_hide_it(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "ROWS_AT_ONCE", 3)
    with pytest.raises(InputError, match="equally long"):
        model.load(model_file).predict({"x": np.arange(6.0), "y": np.arange(9.0)})


@pytest.mark.parametrize(
    ("columns", "said"),
    [({}, "Missing column x, y"), ({"x": [1]}, "Missing column y"), ({"x": 1, "y": [1]}, "expected a list"),
     ({"x": [], "y": []}, "There are no rows to predict")],
)  # fmt: skip
def test_columns_are_checked_before_rows(model_file: Path, columns: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        model.load(model_file).predict(columns)


def test_pieces_of_every_kind_are_joined() -> None:
    import polars as pl

    assert model.join([np.array([1]), np.array([2, 3])]).tolist() == [1, 2, 3]
    assert model.join([["a"], ["b"]]) == ["a", "b"]
    assert model.join([pl.Series(["a"]), pl.Series(["b", None])]).to_list() == ["a", "b", None]
