"""Masks and boxes beside pictures become masks over the whole picture."""

from pathlib import Path

from PIL import Image as Pillow

from aprende.intake import images, located


def picture(file: Path, size: tuple[int, int] = (80, 40), white: tuple[int, int, int, int] | None = None) -> None:
    """A picture, or a mask with a white box (left, top, right, bottom)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Pillow.new("L", size, 0 if white else 90)
    if white:
        image.paste(255, white)
    image.save(file)


def test_masks_named_by_picture_and_finding(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "images" / "b.png")
    picture(tmp_path / "masks" / "a__Pleural_Effusion.png", white=(0, 0, 40, 20))
    picture(tmp_path / "masks" / "Mass" / "b.png", white=(40, 20, 80, 40))
    picture(tmp_path / "masks" / "Mass" / "nobody.png", white=(40, 20, 80, 40))
    picture(tmp_path / "masks" / "b__Pleural_Effusion.png", white=(1, 1, 1, 1))  # nothing in it
    table = located.without_masks(images.read(tmp_path))
    assert [f.name for f in table.columns["image"].files] == ["a.png", "b.png"]
    found, notes = located.read(table.columns["image"], ["Pleural Effusion", "Mass"])
    assert set(found) == {(0, 0), (1, 1)}
    half = located.GRID // 2
    assert found[0, 0][:half, :half].all()
    assert found[0, 0].sum() == half * half
    assert found[1, 1][half:, half:].all()
    assert any("Masks" in note.text for note in notes)


def test_thin_lines_do_not_vanish(tmp_path: Path) -> None:
    picture(tmp_path / "Tube" / "a.png", (256, 256))
    picture(tmp_path / "masks" / "a__Tube.png", (256, 256), white=(100, 0, 102, 256))
    found, _ = located.read(images.read(tmp_path).columns["image"], ["Tube"])
    assert found[0, 0].any(axis=1).all()


def test_boxes_of_a_reduced_picture(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (800, 400))
    head = "image,label,xmin,ymin,xmax,ymax,width,height"
    rows = ["a.png,Mass,0,0,20,10,40,20", "a.png,Mass,35,15,40,20,40,20", "a.png,Other,0,0,9,9,40,20",
            "a.png,Mass,60,30,70,40,40,20", "zzz.png,Mass,0,0,9,9,40,20", "a.png,Mass,,,,,40,20"]  # fmt: skip
    (tmp_path / "boxes.csv").write_text("\n".join([head, *rows]))
    found, notes = located.read(images.read(tmp_path).columns["image"], ["Mass"])
    assert set(found) == {(0, 0)}
    half = located.GRID // 2
    assert found[0, 0][:half, :half].all()
    assert found[0, 0][-1, -1]
    assert not found[0, 0][-1, 0]
    assert [note.count for note in notes if note.level == "set aside"] == [1]


def test_boxes_as_chestxray8_and_rsna_have_them(tmp_path: Path) -> None:
    picture(tmp_path / "00000013_005.png", (100, 100))
    (tmp_path / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000013_005.png,Atelectasis,50,50,50,25,,,\n"
    )
    found, _ = located.read(images.read(tmp_path).columns["image"], ["Atelectasis"])
    half, quarter = located.GRID // 2, located.GRID // 4
    assert found[0, 0].sum() == half * quarter
    assert found[0, 0][half : half + quarter, half:].all()
    (tmp_path / "BBox_List_2017.csv").write_text(
        "patientId,x,y,width,height,Target\n00000013_005,0,0,50,100,1\n,,,,,0\n"
    )
    found, _ = located.read(images.read(tmp_path).columns["image"], ["pneumonia"])
    assert found[0, 0].sum() == half * located.GRID


def test_without_masks_nothing_is_found(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    assert located.read(images.read(tmp_path).columns["image"], ["Mass"]) == ({}, [])
