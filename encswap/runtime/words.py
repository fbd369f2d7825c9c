"""The word splitter of an export: gliner2's own ones without gliner2, or an installed plugin's."""

from __future__ import annotations

import re
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from encswap.errors import EncswapError, SourceError
from encswap.runtime.description import ExportedSplitter
from encswap.types import WordSplitter

GROUP = "encswap"
"""The entry-point group of plugins."""
_CHAR = re.compile(r"[A-Za-z0-9@._\-+]+|\S")


class PatternSplitter:
    """Cut a text into the matches of a regular expression."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern

    def __call__(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
        """Yield the units of `text` in order."""
        for found in self.pattern.finditer(text):
            token = found.group()
            yield (token.lower() if lower else token), found.start(), found.end()


@cache
def whitespace_pattern() -> re.Pattern[str]:
    """The pattern of `gliner2.processing.word_splitter.WhitespaceTokenSplitter` 2.1.

    Combining marks belong to the word: no class of `re` holds them.
    """
    marks = "".join(
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)).startswith("M")
    )
    word = rf"[\w{marks}\u200c\u200d]"
    return re.compile(
        rf"""(?:https?://[^\s]+|www\.[^\s]+)
        |[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{{2,}}
        |@[a-z0-9_]+
        |{word}+(?:[-_]{word}+)*
        |\S""",
        re.VERBOSE | re.IGNORECASE,
    )


def load_splitter(wanted: ExportedSplitter, folder: Path) -> WordSplitter:
    """Build the splitter that an export names.

    Only gliner2's own splitters and those of installed plugins are built: a folder cannot name
    code. Warns where the analyser's version differs. Raises `SourceError` where the plugin is not
    installed.
    """
    if not wanted.plugin and wanted.name == "whitespace":
        return PatternSplitter(whitespace_pattern())
    if not wanted.plugin and wanted.name == "char":
        return PatternSplitter(_CHAR)
    factory = _plugin_factories(wanted).get(wanted.name)
    if factory is None:
        raise SourceError(
            f"the plugin {wanted.plugin!r} gives no splitter {wanted.name!r}",
            where=folder,
            hint="install the version of the plugin that the model was exported with",
        )
    files = {key: str(folder / Path(name).name) for key, name in wanted.files.items()}
    splitter: WordSplitter = factory(**{**wanted.options, **files})
    _warn_of_version(wanted, splitter)
    return splitter


def _plugin_factories(wanted: ExportedSplitter) -> dict[str, Any]:
    """Load one plugin and collect the splitters that it registers."""
    points = [one for one in metadata.entry_points(group=GROUP) if one.name == wanted.plugin]
    if not points:
        raise SourceError(
            f"the word splitter {wanted.name!r} is given by the plugin {wanted.plugin!r}, which is "
            "not installed",
            hint="install what brings the plugin; without its splitter the model finds nothing",
        )
    found: dict[str, Any] = {}
    try:
        points[0].load().register_word_splitters(found.__setitem__)
    except EncswapError:
        raise
    except Exception as error:
        raise SourceError(
            f"the plugin {wanted.plugin!r} fails: {type(error).__name__}: {error}"
        ) from error
    return found


def _warn_of_version(wanted: ExportedSplitter, splitter: Any) -> None:
    described = splitter.describe() if hasattr(splitter, "describe") else {}
    now = {key: str(value) for key, value in described.items() if key in wanted.versions}
    if now != dict(wanted.versions):
        warnings.warn(
            f"splitter {wanted.name!r} was exported with {dict(wanted.versions)}, this is {now}: "
            "its units may differ",
            stacklevel=3,
        )
