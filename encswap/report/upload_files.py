"""What of a checkpoint goes to the hub: regular files of known kinds, no folders of a machine."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap import files
from encswap.errors import InputError
from encswap.files import checksum
from encswap.manifest import MANIFEST

_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_CONFIGS = re.compile(r"config\.json|encoder_config/config\.json|tokenizer_config\.json")
_OTHERS = re.compile(
    r"encswap\.json|model\.safetensors\.index\.json|tokenizer\.json|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.(txt|json)|merges\.txt|chat_template\.jinja"
    r"|(spm|spiece|sentencepiece\.bpe|tokenizer)\.model"
)
_COPIES = re.compile(r"splitter-[A-Za-z0-9_-]+\.txt")
_PICKLES = re.compile(r".*\.(bin|pt|pth|pkl|pickle|ckpt|joblib)")
_ABSOLUTE = re.compile(r"(/|~[/\\]|[A-Za-z]:[/\\]|\\\\)[^\n]*[^/\\\n]")
_WORDS_OF_PEOPLE = ("labels", "descriptions")
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Item:
    """One file of an upload: its name there, and its content or where that lies.

    `stamp` tells a file apart from another one that took its place since it was looked at.
    """

    name: str
    content: Path | bytes
    stamp: Stamp = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @classmethod
    def of(cls, name: str, path: Path) -> Item:
        """Take a regular file as it is now; whatever else has that name is refused."""
        return cls(name, path, regular_file(path))

    def refuse_changed(self) -> None:
        """Refuse a file that is not the one any more that was looked at."""
        if isinstance(self.content, Path) and regular_file(self.content) != self.stamp:
            raise InputError("changed meanwhile; nothing is uploaded", where=self.content)


def regular_file(path: Path) -> Stamp:
    """Refuse a link, a folder, a device: what would go up may lie anywhere. Returns its stamp."""
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise InputError("no such file", where=path) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    if stat.S_ISLNK(found.st_mode):
        raise _irregular("is a symbolic link", path)
    if not stat.S_ISREG(found.st_mode):
        raise _irregular("is no regular file", path)
    if found.st_nlink > 1:
        raise _irregular("is a hard link: it has another name elsewhere", path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _irregular(what: str, path: Path) -> InputError:
    return InputError(
        f"{what}; nothing is uploaded",
        where=path,
        hint="put a copy of the file itself there, or take it out of the folder",
    )


def regular_files(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder, in order; links, also of folders, and devices are refused."""
    if folder.is_symlink() or not folder.is_dir():
        raise _irregular("is no folder of its own", folder)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from regular_files(path)
        else:
            regular_file(path)
            yield path


def collect(checkpoint: Path, more: Iterable[str] = ()) -> list[Item]:
    """List the files of a checkpoint that go to the hub; `more` names files beside the usual ones.

    Config files go without the folders of this machine: of an absolute path the last name is left.
    Raises `InputError` for a link, a pickle, a file of unknown kind, and where weights are missing.
    """
    found = list(regular_files(checkpoint))
    items = [_item(path, path.relative_to(checkpoint).as_posix(), set(more)) for path in found]
    if not any(_WEIGHTS.fullmatch(item.name) for item in items):
        raise InputError("holds no model.safetensors", where=checkpoint)
    return items


def splitter_copies(record: Mapping[str, Any], checkpoint: Path) -> list[str]:
    """Name the files that the word splitter needs; they lie in the checkpoint, as recorded.

    Raises `InputError` where the manifest names a file elsewhere, or one that is not what it was.
    """
    splitter = record.get("splitter")
    splitter = splitter if isinstance(splitter, Mapping) else {}
    files, options = (splitter.get(key) or {} for key in ("files", "options"))
    manifest = checkpoint / MANIFEST
    if not isinstance(files, Mapping) or not isinstance(options, Mapping):
        raise InputError("its splitter's files are no JSON object", where=manifest)
    for key, value in options.items():
        if key not in files and _names_a_file(value):
            raise _outside(key, value, manifest)
    return [_copy(key, one, checkpoint) for key, one in files.items()]


def _copy(key: str, known: Any, checkpoint: Path) -> str:
    name = known.get("name") if isinstance(known, Mapping) else known
    if not isinstance(name, str) or not _COPIES.fullmatch(name):
        raise _outside(key, name, checkpoint / MANIFEST)
    regular_file(checkpoint / name)
    if checksum(checkpoint / name) != known.get("sha256"):
        raise InputError(
            f"is not the splitter's {key} that {MANIFEST} records", where=checkpoint / name
        )
    return name


def _outside(key: str, value: object, manifest: Path) -> InputError:
    return InputError(
        f"names a file for the splitter's {key} that does not lie in the run: {value!r}",
        where=manifest,
        hint="train with --user-dictionary, which keeps a copy beside the weights",
    )


def _names_a_file(value: object) -> bool:
    return isinstance(value, str) and (
        "/" in value or "\\" in value or value in (".", "..") or Path(value).exists()
    )


def _item(path: Path, name: str, more: set[str]) -> Item:
    if _PICKLES.fullmatch(name):
        raise InputError(
            "is a pickle, which can run code; nothing is uploaded",
            where=path,
            hint="take it out of the checkpoint; the weights go as model.safetensors",
        )
    if _WEIGHTS.fullmatch(name):
        _refuse_no_safetensors(path)
    elif name == MANIFEST or _CONFIGS.fullmatch(name):
        return Item(name, _without_folders(path))
    elif name not in more and not _OTHERS.fullmatch(name):
        raise InputError(
            "belongs to no checkpoint; nothing is uploaded",
            where=path,
            hint="take it out of the folder",
        )
    return Item.of(name, path)


@contextmanager
def staged(items: Sequence[Item]) -> Iterator[Path]:
    """Lay out what would be uploaded, as whoever fetches it would find it; weights are linked."""
    with files.scratch("push") as folder:
        for item in items:
            path = folder / item.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(item.content, bytes):
                files.write_bytes(path, item.content)
            else:
                path.symlink_to(item.content.absolute())
        yield folder


def _refuse_no_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy"):
            return
    except (SafetensorError, OSError) as error:
        raise InputError(f"is no whole safetensors file: {error}", where=path) from error


def _without_folders(path: Path) -> bytes:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is no JSON: {error}", where=path) from error
    return (json.dumps(drop_folders(whole), ensure_ascii=False, indent=2) + "\n").encode()


def drop_folders(value: Any) -> Any:
    """Leave of every absolute path its last name; what people wrote of labels stays as it is."""
    if isinstance(value, Mapping):
        return {
            key: one if key in _WORDS_OF_PEOPLE else drop_folders(one) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [drop_folders(one) for one in value]
    if isinstance(value, str) and _ABSOLUTE.fullmatch(value):
        return re.split(r"[/\\]", value)[-1]
    return value
