"""Pictures and their masks as people keep them: which mask belongs to which picture, told by names alone.

    fotos/images/1.jpg + fotos/masks/1.png                 two folders (labels, annotations, gt, máscaras …)
    fotos/train/images/1.jpg, fotos/images/train/1.jpg     … in parts, above or below
    fotos/train/1.jpg + fotos/trainannot/1.png             CamVid
    fotos/JPEGImages/1.jpg + fotos/SegmentationClass/1.png Pascal VOC, parts in ImageSets/Segmentation/train.txt
    fotos/1.jpg + fotos/1_mask.png                         one folder, paired by stem
    fotos/1.jpg + fotos/1.png                              … and by ending

Opens no picture: whether the second of a pair is a mask at all, `masks` finds out. Never changes a file.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from aprende.core.contract import Note
from aprende.core.words import t
from aprende.intake import folders, legends
from aprende.intake.folders import PARTS, fold, natural_order

PICTURE_WORDS = (
    *("images", "image", "imgs", "img", "imagenes", "imagen", "pictures", "photos", "fotos", "jpegimages"),
    *("inputs", "input", "rgb", "originals", "original", "leftimg8bit"),
)
MASK_WORDS = (
    *("masks", "mask", "labels", "label", "labelled", "labeled", "annotations", "annotation", "annots", "annot"),
    *("gt", "gts", "ground_truth", "groundtruth", "segmentation", "segmentations", "segmentationclass", "seg", "segs"),
    *("mascaras", "mascara", "etiquetas", "anotaciones", "verdad", "targets", "target", "gtfine", "manual"),
)
OTHER_WORDS = ("segmentationobject", "instances", "overlays", "overlay", "previews", "preview")
ENDS = ("mask", "masks", "gt", "label", "labels", "labelids", "seg", "segmentation", "annotation", "l", "mascara")
PICTURE_ENDS = ("image", "img", "sat", "leftimg8bit", "rgb", "photo", "foto")
LEAST_PAIRED = 0.5  # share of the masks that must have their picture
NAMED = 5  # files named in a note

_END = re.compile(rf"^(.+)[ _-](?:{'|'.join(ENDS)})$", re.IGNORECASE)
_PICTURE_END = re.compile(rf"^(.+)[ _-](?:{'|'.join(PICTURE_ENDS)})$", re.IGNORECASE)

Key = tuple[str | None, tuple[str, ...], str]  # part, folders that are neither part nor role, stem


@dataclass
class Paired:
    """Pictures and the mask of each; `parts` None where the folders tell none. `sure`: named so, not only alike."""

    pictures: list[Path]
    masks: list[Path]
    parts: list[str | None]
    notes: list[Note] = field(default_factory=list)
    sure: bool = True


@dataclass(frozen=True)
class _File:
    path: PurePosixPath
    role: str  # "picture" | "mask" | "other" | "" (its folders do not say)
    part: str | None
    inside: tuple[str, ...]

    def key(self, stem: str) -> Key:
        return self.part, self.inside, stem


def find(root: Path, found: folders.Walked) -> Paired | None:
    """Return the pairs among what a folder holds; None where its names do not look like pictures with masks."""
    files = [_file(path) for path in found.pictures]
    if any(file.role == "mask" for file in files):
        paired = _by_folders(root, [f for f in files if f.role != "other"])
    else:
        paired = _by_stems(root, files) or _by_endings(root, files)
    if paired is None:
        return None
    unread = [file for file in found.others if file.name not in legends.LISTS and file.suffix.lower() != ".txt"]
    paired.notes[:0] = [*found.notes, *folders.passed_over(unread)]
    _sets(root, paired)
    return paired


def _file(path: PurePosixPath) -> _File:
    """What the folders of a file say of it."""
    role, part, inside = "", None, []
    for name in path.parts[:-1]:
        its_role, its_part = _meaning(fold(name))
        role, part = its_role or role, its_part or part
        if not (its_role or its_part):
            inside.append(name)
    return _File(path, role, part, tuple(inside))


def _meaning(name: str) -> tuple[str, str | None]:
    """The role and the part that a folder's name tells: "masks", "train", "trainannot", "val_images" …"""
    if name in PARTS:
        return "", PARTS[name]
    if _role(name):
        return _role(name), None
    for part in sorted(PARTS, key=len, reverse=True):
        for pattern in (rf"{part}[ _-]?(.+)", rf"(.+?)[ _-]?{part}"):
            held = re.fullmatch(pattern, name)
            if held and _role(held[1]):
                return _role(held[1]), PARTS[part]
    return "", None


def _role(name: str) -> str:
    known = {"picture": PICTURE_WORDS, "mask": MASK_WORDS, "other": OTHER_WORDS}
    return next((role for role, words in known.items() if name in words), "")


def _by_folders(root: Path, files: list[_File]) -> Paired | None:
    """Pair what lies in folders of masks with the other pictures."""
    masks: dict[Key, _File] = {}
    for file in files:
        if file.role == "mask":
            for stem in _stems(file.path.stem, _END):
                masks.setdefault(file.key(stem), file)
    named = any(file.role == "picture" for file in files)
    pictures = [f for f in files if f.role == "picture" or (f.role == "" and not named)]
    return _paired(root, pictures, masks, sum(f.role == "mask" for f in files))


def _stems(stem: str, ends: re.Pattern[str]) -> list[str]:
    """The stem, and what it is without its last word, where that only says what the file is."""
    held = ends.match(stem)
    return [stem, held[1]] if held else [stem]


def _paired(root: Path, pictures: list[_File], masks: dict[Key, _File], every: int) -> Paired | None:
    """Each picture with its mask; None where too few masks have a picture."""
    pairs, alone = [], []
    for picture in pictures:
        keys = [picture.key(stem) for stem in _stems(picture.path.stem, _PICTURE_END)]
        mask = next((masks[key] for key in keys if key in masks), None)
        if mask is None:
            alone.append(picture.path)
        else:
            pairs.append((picture, mask))
    used = {mask.path for _, mask in pairs}
    if not pairs or len(used) < LEAST_PAIRED * every:
        return None
    pairs.sort(key=lambda pair: natural_order(pair[0].path))
    made = Paired([root / p.path for p, _ in pairs], [root / m.path for _, m in pairs], [p.part for p, _ in pairs])
    _missing(made, alone, {mask.path for mask in masks.values()} - used)
    return made


def _missing(made: Paired, alone: list[PurePosixPath], spare: Iterable[PurePosixPath]) -> None:
    """Note the pictures without a mask, and the masks without a picture."""
    for said, paths in ((t("pictures without a mask"), alone), (t("masks without a picture"), sorted(spare))):
        if paths:
            made.notes.append(Note(f"{said}: {_some(paths)}", "left out", "mask", len(paths)))


def _some(paths: list[PurePosixPath]) -> str:
    return ", ".join(path.name for path in paths[:NAMED]) + (" …" if len(paths) > NAMED else "")


def _by_stems(root: Path, files: list[_File]) -> Paired | None:
    """Pair 1_mask.png with 1.jpg, all in the same folders."""
    pictures = {f.path.with_suffix(""): f for f in files}
    masks: dict[Key, _File] = {}
    for file in files:
        base = _base(file.path)
        if base is not None and _pictures_of(base, pictures):
            masks.setdefault(file.key(base.name), file)
    if not masks:
        return None
    held = {mask.path for mask in masks.values()}
    others = [f for f in files if f.path not in held]
    return _paired(root, others, masks, sum(_base(f.path) is not None for f in files))


def _base(path: PurePosixPath) -> PurePosixPath | None:
    """The path without its ending and the word that says it is a mask ("mask_1" too); None where there is none."""
    held = _END.match(path.stem) or re.match(r"(?i)^(?:mask|gt|label)[ _-](.+)$", path.stem)
    return path.with_name(held[1]) if held else None


def _pictures_of(base: PurePosixPath, pictures: dict[PurePosixPath, _File]) -> bool:
    return base in pictures or any(base.with_name(f"{base.name}{s}{e}") in pictures for e in PICTURE_ENDS for s in "_-")


def _by_endings(root: Path, files: list[_File]) -> Paired | None:
    """Pair 1.png with 1.jpg in the same folder, where every picture has both."""
    jpegs = {f.path.with_suffix("") for f in files if f.path.suffix.lower() in (".jpg", ".jpeg")}
    masks = {f.key(f.path.stem): f for f in files if f.path.suffix.lower() == ".png"}
    if not jpegs or jpegs != {f.path.with_suffix("") for f in masks.values()}:
        return None
    pictures = [f for f in files if f.path.suffix.lower() in (".jpg", ".jpeg")]
    made = _paired(root, pictures, masks, len(masks))
    if made is not None:
        made.sure = False
    return made


def _sets(root: Path, paired: Paired) -> None:
    """Take the parts from Pascal VOC's lists of names, where there are any."""
    listed = {PARTS[f.stem]: f for f in sorted(root.rglob("ImageSets/Segmentation/*.txt")) if f.stem in PARTS}
    names = {part: set(file.read_text(encoding="utf-8", errors="replace").split()) for part, file in listed.items()}
    if not names or any(paired.parts):
        return
    told = [next((part for part, held in names.items() if p.stem in held), None) for p in paired.pictures]
    if not any(told):
        return
    kept = [i for i, part in enumerate(told) if part is not None]
    if gone := len(told) - len(kept):
        said = t("{n} pairs stand in no list of ImageSets/Segmentation: left out.", n=gone)
        paired.notes.append(Note(said, "left out", "mask", gone))
    paired.pictures, paired.masks = ([held[i] for i in kept] for held in (paired.pictures, paired.masks))
    paired.parts = [told[i] for i in kept]
    counts = Counter(paired.parts)
    shown = ", ".join(f"{part} {n}" for part, n in counts.items())
    paired.notes.append(Note(t("parts from ImageSets/Segmentation: {shown}", shown=shown), "info", "", len(kept)))
