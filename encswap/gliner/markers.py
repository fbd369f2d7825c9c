"""gliner2's schema tokens as strings: no label and no description may hold one.

The prompt is one row of tokens, and its parts are found by these. A label that is a marker moves
every part behind it: training ends in an IndexError, and scores are read at wrong places.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from encswap.errors import InputError

# `SchemaTransformer.SPECIAL_TOKENS`, written down because importing gliner2 imports torch.
MARKERS = (
    "[SEP_STRUCT]",
    "[SEP_TEXT]",
    "[P]",
    "[C]",
    "[E]",
    "[R]",
    "[L]",
    "[EXAMPLE]",
    "[OUTPUT]",
    "[DESCRIPTION]",
)
_ANY = re.compile("|".join(re.escape(one) for one in MARKERS))
HINT = "write it without the brackets"


@lru_cache(maxsize=4096)
def marker_in(text: str) -> str:
    """Find the first marker in a text, in any width of letters; empty for none.

    By case, as gliner2 compares: it lower-cases the words of a text and no label.
    """
    found = _ANY.search(unicodedata.normalize("NFKC", text))
    return found.group() if found else ""


def refuse_markers(
    labels: Iterable[str], descriptions: Mapping[str, str] | None = None, *, where: str = ""
) -> None:
    """Refuse labels and descriptions that hold a marker; raises `InputError` in one line."""
    for label in labels:
        if marker := marker_in(label):
            raise InputError(
                f"label {label[:60]!r} holds {marker}, which gliner2 reads as part of its prompt",
                where=where,
                hint=HINT,
            )
    for label, text in (descriptions or {}).items():
        if marker := marker_in(text):
            raise InputError(
                f"the description of {label[:60]!r} holds {marker}, which gliner2 reads as part of"
                " its prompt",
                where=where,
                hint=HINT,
            )
