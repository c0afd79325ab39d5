"""Boxes beside pictures, in every format: what is read, what is cut or set aside, and what hostile files can do."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.core.contract import Table
from aprende.core.errors import DataError
from aprende.core.fields import Boxes
from aprende.intake import images, voc, yolo
from aprende.intake.reading import with_test

Ends = tuple[float, float, float, float]
VOC = "<object><name>{}</name>{}<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


def pictures(root: Path, *names: str, size: tuple[int, int] = (40, 30)) -> None:
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", size, (10 * i, 50, 90)).save(root / name)


def told(table: Table) -> dict[str, list[tuple[Any, ...]]]:
    """File → its boxes: (class, left, top, right, bottom, score)."""
    names = table.fields["boxes"].options  # type: ignore[attr-defined]
    rows = zip(table.columns["file"], table.columns["boxes"], strict=True)
    return {f: [(names[int(b[4])], *np.round(b[:4], 3).tolist(), float(b[5])) for b in held] for f, held in rows}


def notes(table: Table) -> dict[str, int]:
    return {note.text: note.count for note in table.notes}


def coco(file: Path, images: Iterable[str], boxes: Iterable[tuple[int, str, list[Any]]], **more: Any) -> None:
    """Write a COCO file; boxes: (place of the picture, class, bbox)."""
    boxes = list(boxes)
    kinds = sorted({kind for _, kind, _ in boxes})
    held = {
        "images": [{"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(images)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": kinds.index(kind), "bbox": box, "iscrowd": 0}
            for n, (i, kind, box) in enumerate(boxes)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(kinds)],
        **more,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(held))


def xml(file: Path, *things: tuple[str, Ends], more: str = "", filename: str = "", size: str = "") -> None:
    objects = "".join(VOC.format(name, more, *ends) for name, ends in things)
    named = f"<filename>{filename}</filename>" if filename else ""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<annotation>{named}{size}{objects}</annotation>")


# ---- COCO ------------------------------------------------------------------------------------------------------------


def test_coco_with_a_file_a_part(tmp_path: Path) -> None:
    pictures(tmp_path, "train2017/1.jpg", "train2017/2.jpg", "val2017/1.jpg")
    coco(tmp_path / "annotations/instances_train2017.json", ["1.jpg", "2.jpg"], [(0, "cat", [1, 2, 10, 20])])
    coco(tmp_path / "annotations/instances_val2017.json", ["1.jpg"], [(0, "dog", [0, 0, 5, 5])])
    captions = {"images": [{"id": 0, "file_name": "1.jpg"}], "annotations": [{"image_id": 0, "caption": "a cat"}]}
    (tmp_path / "annotations/captions_train2017.json").write_text(json.dumps(captions))
    table = images.read(tmp_path)
    assert told(table) == {
        "train2017/1.jpg": [("cat", 1, 2, 11, 22, 1)], "train2017/2.jpg": [], "val2017/1.jpg": [("dog", 0, 0, 5, 5, 1)],
    }  # fmt: skip
    assert list(table.parts or []) == ["train", "train", "test"]  # there is no other test
    assert table.target == "boxes"
    assert table.fields["boxes"] == Boxes(("cat", "dog"))
    assert notes(table)["pictures without any box: there is nothing to find in them"] == 1


def test_coco_as_roboflow_writes_it(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        pictures(tmp_path, f"{part}/{part}.jpg")
        coco(tmp_path / part / "_annotations.coco.json", [f"{part}.jpg"], [(0, "cell", [3, 3, 6, 6])])
    table = images.read(tmp_path)
    assert list(table.parts or []) == ["test", "train", "valid"]
    assert told(table)["train/train.jpg"] == [("cell", 3, 3, 9, 9, 1)]


def test_coco_in_one_file_beside_the_pictures_with_all_that_goes_wrong(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg", "b.jpg", "stranger.jpg")
    boxes: list[tuple[int, str, list[Any]]] = [
        (0, "cat", [30, 20, 20, 20]), (0, "cat", [30, 20, 20, 20]), (0, "cat", [5, 5, 0, 9]),
        (0, "cat", [5, 5, "x", 9]), (0, "cat", [100, 5, 9, 9]), (0, "cat", [5, 5, -4, 9]), (1, "cat", [1, 1, 8, 8]),
        (9, "cat", [0, 0, 3, 3]),
    ]  # fmt: skip
    coco(tmp_path / "cats.json", ["a.jpg", "b.jpg", "gone.jpg"], boxes)
    table = images.read(tmp_path)
    assert told(table) == {"a.jpg": [("cat", 30, 20, 40, 30, 1)], "b.jpg": [("cat", 1, 1, 9, 9, 1)]}
    assert notes(table) == {
        "boxes that reach out of their picture: cut at its border": 2,
        "boxes told twice: kept once": 1,
        "boxes without area within their picture, or with numbers that are none": 4,
        "boxes without a known class or with a number missing": 1,
        "pictures that are told of but are not in the folder": 1,
        "pictures that no file tells of": 1,
    }


def test_crowds_do_not_count_and_outlines_give_boxes(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg")
    kinds = [{"id": 5, "name": "sheep"}]
    things = [
        {"image_id": 0, "category_id": 5, "bbox": [0, 0, 20, 20], "iscrowd": 1},
        {"image_id": 0, "category_id": 5, "segmentation": [[1, 2, 9, 2, 5, 11]]},
        {"image_id": 0, "category_id": 6, "bbox": [0, 0, 20, 20]},
        {"image_id": 0, "category_id": 5},
    ]
    coco(tmp_path / "a.json", ["a.jpg"], [], annotations=things, categories=kinds)
    table = images.read(tmp_path)
    assert told(table)["a.jpg"] == [("sheep", 0, 0, 20, 20, 0), ("sheep", 1, 2, 9, 11, 1)]
    assert notes(table)["boxes marked as crowd or difficult: neither learnt nor counted"] == 1
    assert notes(table)["boxes without a known class or with a number missing"] == 2


@pytest.mark.parametrize(
    "content",
    [
        b'{"images": [', b'"images"' + b"[" * 100_000, b'{"images": 3, "annotations": []}', b"\xff\xfe\x00 \"images\"",
        b'{"images": [null, 3, {"id": [], "file_name": 7}], "annotations": [1, {"image_id": {}, "bbox": [1]}]}',
        b'{"images": [{"id": 1, "file_name": "../../etc/passwd"}], "categories": [{"id": 1e999, "name": []}],'
        b' "annotations": [{"bbox": [0, 0, 1, 1], "image_id": 1}]}',
    ],
)  # fmt: skip
def test_broken_and_hostile_json_is_set_aside(tmp_path: Path, content: bytes) -> None:
    pictures(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "x.json").write_bytes(content)
    assert images.read(tmp_path).target == "class"  # the folders tell classes, as if the file were not there


# ---- Pascal VOC ------------------------------------------------------------------------------------------------------


def test_voc_with_parts_by_lists(tmp_path: Path) -> None:
    pictures(tmp_path, "JPEGImages/1.jpg", "JPEGImages/2.jpg", "JPEGImages/3.jpg", "JPEGImages/4.jpg")
    for n in "123":
        xml(tmp_path / f"Annotations/{n}.xml", ("car", (4, 5, 20, 25)), filename=f"{n}.jpg")
    for part, n in (("train", "1"), ("val", "2"), ("test", "3\n4"), ("car_train", "1 1")):
        (tmp_path / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"ImageSets/Main/{part}.txt").write_text(n + "\n")
    table = images.read(tmp_path)
    assert list(table.parts or []) == ["train", "valid", "test"]
    assert told(table)["JPEGImages/1.jpg"] == [("car", 4, 5, 20, 25, 1)]
    assert notes(table) == {"pictures that no file tells of": 1}


def test_voc_beside_the_pictures_difficult_things_and_another_size(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    size = "<size><width>{}</width><height>{}</height></size>"
    xml(tmp_path / "a.xml", ("car", (4, 5, 20, 25)), more="<difficult>1</difficult>")
    xml(tmp_path / "b.xml", ("car", (8, 10, 40, 50)), size=size.format(80, 60))
    xml(tmp_path / "c.xml", ("car", (4, 5, 20, 25)), ("", (1, 1, 5, 5)), size=size.format(90, 60))
    xml(tmp_path / "gone.xml", ("car", (4, 5, 20, 25)))
    table = images.read(tmp_path)
    assert told(table)["a.png"] == [("car", 4, 5, 20, 25, 0)]
    assert told(table)["b.png"] == [("car", 4, 5, 20, 25, 1)]
    said = notes(table)
    assert said["boxes told for a picture of another size: scaled"] == 1
    assert said["boxes told for a picture of another shape: look whether they fit"] == 1
    assert said["boxes without a known class or with a number missing"] == 1
    assert said["pictures that are told of but are not in the folder"] == 1


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><annotation>&y;</annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB.encode(), "document type"), (OUTSIDE.encode(), "document type"), (BOMB.encode("utf-16"), "document type"),
        (b'<?xml version="1.0" encoding="cp037"?>', "no XML"), (b"<a>" * 100, "deep"), (b"<a><b></a>", "no XML"),
        (b"", "no XML"), (b"\0\1\2", "no XML"), (b'<?xml version="1.0" encoding="nonsense"?><a/>', "no XML"),
    ],
)  # fmt: skip
def test_hostile_xml_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(voc.Refused, match=why):
        voc.parsed(content)


def test_one_hostile_file_ends_nothing(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    xml(tmp_path / "a.xml", ("car", (4, 5, 20, 25)))
    (tmp_path / "b.xml").write_text(BOMB)
    table = images.read(tmp_path)
    assert list(told(table)) == ["a.png"]
    assert notes(table)["b.xml: XML with a document type or entities is not read"] == 1


# ---- YOLO ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["{kind}/{part}/{name}", "{part}/{kind}/{name}"])
def test_yolo_with_names_and_parts(tmp_path: Path, layout: str) -> None:
    for part in ("train", "val"):
        pictures(tmp_path, layout.format(kind="images", part=part, name=f"{part}.jpg"))
        label = tmp_path / layout.format(kind="labels", part=part, name=f"{part}.txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("1 0.5 0.5 0.5 0.4\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nnc: 2\nnames: ['cat', \"big dog\"]  # two\n")
    table = images.read(tmp_path)
    assert [*told(table).values()] == [[("big dog", 10, 9, 30, 21, 1)]] * 2
    assert list(table.parts or []) == ["train", "test"]
    assert not {"set aside", "left out"} & {note.level for note in table.notes}


def test_yolo_odd_lines_and_pictures_without_a_file(tmp_path: Path) -> None:
    pictures(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg")
    (tmp_path / "labels").mkdir()
    lines = [
        "0 0.5 0.5 0.5 0.4",
        "0 0.95 0.5 0.5 0.4",
        "1 0.1 0.1 0.6 0.1 0.3 0.5",
        "0 nan 0.5 0.5 0.5",
        "junk",
        "0 1 2",
    ]
    (tmp_path / "labels/1.txt").write_text("\r\n".join(lines))
    (tmp_path / "labels/2.txt").write_text("")
    (tmp_path / "labels/9.txt").write_text("0 0.5 0.5 0.5 0.4")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    table = images.read(tmp_path)
    assert told(table)["images/1.jpg"] == [
        ("cat", 10, 9, 30, 21, 1), ("cat", 28, 9, 40, 21, 1), ("dog", 4, 3, 24, 15, 1),
    ]  # fmt: skip
    said = notes(table)
    assert said["pictures without any box: there is nothing to find in them"] == 2
    assert said["boxes without a known class or with a number missing"] == 2
    assert said["boxes without area within their picture, or with numbers that are none"] == 1
    assert said["pictures that are told of but are not in the folder"] == 1


def test_names_in_yaml_in_every_way_to_write_them() -> None:
    wanted = {0: "cat", 1: "big dog"}
    for text in (
        "names: [cat, 'big dog']",
        "names:\n  - cat\n  - big dog\nnc: 2",
        'names:\n- cat\n- "big dog" # x\n',
        "nc: 2\nnames:\n  0: cat\n  1: big dog\n",
        "names: {0: cat, 1: 'big dog'}",
        "names: [\n  cat,\n  big dog]",
    ):
        assert yolo.names_in_yaml(text) == wanted, text  # fmt: skip
    assert yolo.names_in_yaml("nc: 3") == {}
    assert yolo.names_in_yaml("names:") == {}


def test_transcripts_are_no_boxes(tmp_path: Path) -> None:
    pictures(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a/1.txt").write_text("a cat sits here\n")
    assert images.read(tmp_path).target == "class"


# ---- a table ---------------------------------------------------------------------------------------------------------

TABLES = {
    "corners": "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,40,30,cat,1,2,11,22\nb.jpg,40,30,,,,,\n",
    "sizes": "image;x;y;w;h;label\na.jpg;1,0;2;10;20;cat\nb.jpg;;;;;\n",
    "both sizes": "label,image,x,y,width,height\ncat,a.jpg,1,2,10,20\n,b.jpg,,,,\n",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_a_table_of_boxes(tmp_path: Path, text: str) -> None:
    pictures(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "boxes.csv").write_text(text)
    table = images.read(tmp_path)
    assert told(table) == {"a.jpg": [("cat", 1, 2, 11, 22, 1)], "b.jpg": []}
    assert notes(table)["pictures that no file tells of"] == 1


def test_a_table_of_boxes_a_part(tmp_path: Path) -> None:
    for part in ("train", "test"):
        pictures(tmp_path, f"{part}/1.jpg")
        (tmp_path / part / "boxes.csv").write_text(f"image,class,x1,y1,x2,y2\n1.jpg,{part} cat,1,2,11,22\n")
    table = images.read(tmp_path)
    assert list(table.parts or []) == ["test", "train"]
    assert told(table)["train/1.jpg"] == [("train cat", 1, 2, 11, 22, 1)]


def test_a_table_of_whole_pictures_goes_before_one_of_boxes(tmp_path: Path) -> None:
    """As X-rays have it: what each picture shows is learnt; where it is, is told beside it."""
    pictures(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "boxes.csv").write_text("image,x1,y1,x2,y2\n" + "a.jpg,1,2,11,22\n" * 4)
    (tmp_path / "images.csv").write_text("image,finding\na.jpg,x\nb.jpg,y\n")
    assert "finding" in images.read(tmp_path).fields


def test_a_table_that_names_strangers_and_nonsense(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg")
    (tmp_path / "t.csv").write_text("image,x1,y1,x2,y2\na.jpg,1,2,11,22\na.jpg,one,2,3,4\ngone.jpg,1,2,3,4\n")
    table = images.read(tmp_path)
    assert told(table) == {"a.jpg": [("thing", 1, 2, 11, 22, 1)]}
    assert notes(table)["pictures that are told of but are not in the folder"] == 1


# ---- any -------------------------------------------------------------------------------------------------------------


def test_a_picture_turned_by_exif_is_measured_as_it_is_seen(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    xml(tmp_path / "a.xml", ("car", (4, 5, 28, 38)))
    table = images.read(tmp_path)
    assert told(table)["a.jpg"] == [("car", 4, 5, 28, 38, 1)]
    assert table.columns["image"][0].shape == (40, 30, 1)


def test_metadata_still_tells_of_pictures_where_no_file_tells_boxes(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,class\na.jpg,x\nb.jpg,y\n")
    assert images.read(tmp_path).target == "class"


def test_real_files(data_dir: Path) -> None:
    folder = data_dir / "det_bccd"
    if not folder.is_dir():
        pytest.skip("no det_bccd here")
    table = images.read(folder)
    assert table.fields["boxes"].options == ("Platelets", "RBC", "WBC")  # type: ignore[attr-defined]
    counted: Callable[[str], int] = list(table.parts or []).count
    assert (counted("train"), counted("valid"), counted("test")) == (205, 87, 72)
    assert sum(map(len, table.columns["boxes"])) == 4886  # of 4,888: two have no area


def test_other_data_for_the_test_alone_share_the_classes(tmp_path: Path) -> None:
    tables = []
    for folder, kinds in (("a", ("cat", "dog")), ("b", ("dog", "emu"))):
        pictures(tmp_path, f"{folder}/1.jpg")
        ends = [(0, kind, [1 + place, 1, 9, 9]) for place, kind in enumerate(kinds)]
        coco(tmp_path / folder / "x.json", ["1.jpg"], ends)
        tables.append(images.read(tmp_path / folder))
    both = with_test(*tables)
    assert both.fields["boxes"] == Boxes(("cat", "dog", "emu"))
    assert [b[:, 4].tolist() for b in both.columns["boxes"]] == [[0, 1], [1, 2]]


def test_no_picture_is_still_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match="No pictures"):
        images.read(tmp_path)
