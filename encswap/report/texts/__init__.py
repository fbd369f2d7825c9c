"""The words of a page in the languages that it can be written in; each is a file of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encswap.errors import UnknownNameError

FOLDER = Path(__file__).parent


def languages() -> list[str]:
    """List the languages that a page can be written in."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


class Texts:
    """The words of one language, by key."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = dict(words)

    @classmethod
    def read(cls, language: str) -> Texts:
        """Read the words of a language; `UnknownNameError` lists those that there are."""
        import yaml

        if language not in languages():
            raise UnknownNameError("language", language, languages())
        content = (FOLDER / f"{language}.yaml").read_text(encoding="utf-8")
        return cls({key: str(value) for key, value in yaml.safe_load(content).items()})

    def __call__(self, key: str, **values: Any) -> str:
        """Return the words of a key with the values put in."""
        return self.words[key].format(**values)

    def kind(self, name: str) -> str:
        """Name a kind of error or one of its details."""
        return self.words["label_error" if name == "label" else name]
