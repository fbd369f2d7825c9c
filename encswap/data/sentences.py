"""Where sentences end: as the splitter says where it can, else by marks and line breaks."""

from __future__ import annotations

import re

from encswap.domain import WordSplitter

# Full stops that stand between words need white space after them: 3.5, example.org.
_END = re.compile(r"[.!?…]+[\"'”’»)\]}]*(?=\s|$)|[。！？]+[」』”’）]*|\n+")


def sentence_ends(text: str, splitter: WordSplitter | None = None) -> list[int]:
    """List the places behind the sentences of `text`, the last of them its end.

    A splitter may offer `sentences(text)`, which lists spans in order.
    """
    offered = getattr(splitter, "sentences", None)
    ends = (
        [end for _, end in offered(text)]
        if offered is not None
        else [found.end() for found in _END.finditer(text)]
    )
    return sorted({*ends, len(text)})
