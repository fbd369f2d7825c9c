"""Names for tags that are numbers, as data sets of Hugging Face keep them (ClassLabel).

They are what a person gave, or stand in the record or around the records of its file, or in a
file beside it: `dataset_info.json`, `dataset_infos.json`, `id2label.json`, `config.json`, or the
head of its `README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from encswap.data.formats.fields import Record

BESIDE = ("dataset_info.json", "dataset_infos.json", "id2label.json", "config.json", "README.md")
_LARGEST = 16 << 20


def names_of(record: Record, key: str, given: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the names of the tags under a key, and where they stand; none where nothing says."""
    if given:
        return given, "--label-names"
    for tree, place in ((record.values, "the record"), (record.around, "the file")):
        found = _names_in(tree, key)
        if found:
            return found, place
    if record.source.kind == "stream":
        return _beside(str(record.source.path.parent), key)
    return (), ""


@lru_cache(maxsize=64)
def _beside(folder: str, key: str) -> tuple[tuple[str, ...], str]:
    for name in BESIDE:
        found = _names_in(_tree_of(Path(folder) / name), key)
        if found:
            return found, name
    return (), ""


def _tree_of(path: Path) -> Any:
    """Read a JSON file, or the YAML at the head of a page; None where it is of no use."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".md":
            return json.loads(text)
        if not text.startswith("---"):
            return None
        import yaml

        return yaml.safe_load(text[3:].partition("\n---")[0])
    except (OSError, ValueError, RecursionError):
        return None
    except Exception as error:  # yaml's errors are of many kinds
        if type(error).__module__.startswith("yaml"):
            return None
        raise


def _names_in(tree: Any, key: str) -> tuple[str, ...]:
    """Find the names of a column in what describes a data set."""
    if not isinstance(tree, Mapping):
        return ()
    for own in ("label_names", "tag_names", f"{key}_names"):
        if names := _listed(tree.get(own)):
            return names
    if names := _by_number(tree.get("id2label")) or _by_name(tree.get("label2id")):
        return names
    if set(tree) and all(str(one).isdecimal() for one in tree):
        return _by_number(tree)
    return next((names for one in _columns(tree, key) if (names := _names_under(one))), ())


def _columns(tree: Any, key: str, depth: int = 0) -> Iterator[Any]:
    """Yield what describes the column `key`, wherever it stands."""
    if depth > 8:
        return
    if isinstance(tree, Mapping):
        if tree.get("name") == key:
            yield {name: value for name, value in tree.items() if name != "name"}
        if isinstance(tree.get(key), Mapping):
            yield tree[key]
        for value in tree.values():
            yield from _columns(value, key, depth + 1)
    elif isinstance(tree, list):
        for value in tree:
            yield from _columns(value, key, depth + 1)


def _names_under(tree: Any, depth: int = 0) -> tuple[str, ...]:
    if isinstance(tree, list):
        return next((found for one in tree if (found := _names_under(one, depth + 1))), ())
    if not isinstance(tree, Mapping) or depth > 8:
        return ()
    names = tree.get("names")
    if found := _listed(names) or _by_number(names):
        return found
    return next((found for one in tree.values() if (found := _names_under(one, depth + 1))), ())


def _listed(value: Any) -> tuple[str, ...]:
    names = isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    return tuple(value) if names else ()


def _by_number(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Mapping) or not value:
        return ()
    numbered = {str(number): name for number, name in value.items()}
    names = tuple(numbered.get(str(number)) for number in range(len(numbered)))
    return tuple(str(name) for name in names) if all(isinstance(n, str) for n in names) else ()


def _by_name(value: Any) -> tuple[str, ...]:
    return _by_number({n: name for name, n in value.items()}) if isinstance(value, Mapping) else ()
