"""The words that people and programs write in cells for missing, infinite, yes and no, in Spanish and English."""

import re

_MISSING = """
    na n/a n.a. #n/a #n/d #na nan -nan null none nil nill <na> <null> missing nat . .. ... - -- --- — – ? ??
    s/d s/d. s.d. sin_dato n/d n.d. nd n/c n.c. #value! #valor! #¡valor! #ref! #¡ref! #div/0! #¡div/0!
    #name? #¿nombre? #num! #¡num! #null!
"""
_MISSING_PHRASES = """
    sin dato, sin datos, sin información, sin informacion, no disponible, no informado, no aplica, not available,
    no data
"""
MISSING = frozenset(_MISSING.split()) | frozenset(p.strip() for p in _MISSING_PHRASES.split(","))
INFINITE = frozenset(
    {"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity", "∞", "-∞", "+∞", "infinito", "-infinito"}
)
DIGITS = {"1": 1, "0": 0}
YES_NO: tuple[dict[str, int], ...] = (
    {"sí": 1, "si": 1, "yes": 1, "true": 1, "verdadero": 1, "cierto": 1, "no": 0, "false": 0, "falso": 0},
    {"s": 1, "n": 0},
    {"y": 1, "n": 0},
    {"t": 1, "f": 0},
    {"v": 1, "f": 0},
    {"on": 1, "off": 0},
)
ANY_YES_NO = {word: value for words in (*YES_NO, DIGITS) for word, value in words.items()}
IDENTITY = re.compile(
    r"(?i)(?:^|[\W_])(?:ids?|uuid|guid|folio|c[oó]digo|code|index|[ií]ndice|idx|key|clave|row|rowid|fila|nro|num|n[uú]mero)"
    r"(?:$|[\W_])|^id|^unnamed|^$|(?-i:(?<=[a-z])I[dD])$"
)  # names of columns that identify a row


def is_missing(cell: str) -> bool:
    """True where the text of a cell stands for a missing value."""
    return not (text := cell.strip()) or (len(text) <= 20 and text.lower() in MISSING)
