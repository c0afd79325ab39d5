"""Words for classes whose folders are only numbered: ImageNet's `n02085620` is a Chihuahua.

A text file beside the folders tells them, a class a line: the folder's name, then the words (`LOC_synset_mapping.txt`,
`synset_words.txt`, `classes.txt` …). Knows no picture.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from aprende.core.contract import Note
from aprende.core.words import t

FILES = ("loc_synset_mapping.txt", "synset_words.txt", "words.txt", "classes.txt", "class_names.txt")
MOST_BYTES = 20_000_000


def is_names(file: Path) -> bool:
    """Tell by its name whether a file may hold words for classes."""
    return file.name.lower() in FILES


def words(files: Iterable[Path], classes: set[str]) -> tuple[dict[str, str], list[Note]]:
    """Return the words of each of these classes, from the first file that has them all, and a note on it.

    A class is called by its first word where no other one has the same, else by all of them, else by its folder too.
    """
    for file in filter(is_names, files):
        told = _read(file)
        if classes and classes <= told.keys():
            said = t("{file} names the classes.", file=file.name)
            return _apart({name: told[name] for name in classes}), [Note(said, "info", "class", len(classes))]
    return {}, []


def _read(file: Path) -> dict[str, str]:
    """Return what each line's first word stands for; nothing of a file that is no such text."""
    try:
        if file.stat().st_size > MOST_BYTES:
            return {}
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.replace("\t", " ").strip().partition(" ") for line in lines)
    return {name: rest.strip() for name, _, rest in pairs if name and rest.strip()}


def _apart(told: dict[str, str]) -> dict[str, str]:
    """Return names that tell every class from the others."""
    first = {name: words.split(",")[0].strip() for name, words in told.items()}
    shared, shared_all = ({word for word, n in Counter(held.values()).items() if n > 1} for held in (first, told))
    named = {name: told[name] if first[name] in shared else first[name] for name in told}
    return {name: f"{words} ({name})" if words in shared_all else words for name, words in named.items()}
