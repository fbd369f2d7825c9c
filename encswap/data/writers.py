"""Writing examples to a file of any known format; a file that exists is left as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from encswap.data.formats.table import Format
from encswap.data.formats.tags import trimmed
from encswap.data.readers import FORMATS, iter_examples, known_format
from encswap.domain import Example
from encswap.errors import InputError, located
from encswap.files import new_file


def write_examples(
    examples: Iterable[Example],
    path: Path,
    format: str,  # noqa: A002
    *,
    source: Path | None = None,
) -> int:
    """Write examples as they come and return how many; on a failure no file is left.

    What was written is read back and compared before it gets its name. Raises InputError where an
    example cannot be written so, with its place in `source`.
    """
    chosen = known_format(format)
    writer_of(chosen)
    if path.exists():
        raise InputError("the file exists", where=path, hint="choose another name or remove it")
    written: list[_Mark] = []
    try:
        with new_file(path) as stream:
            stream.write(f"{chosen.header}\n".encode() if chosen.header else b"")
            for one in examples:
                stream.write(_written(one, chosen, source))
                written.append(_Mark.of(one, chosen))
            stream.flush()
            if written:
                _compare(Path(stream.name), written, chosen, source)
    except FileExistsError as error:
        raise InputError("the file exists", where=path, hint="choose another name") from error
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=path) from error
    return len(written)


@dataclass(frozen=True)
class _Mark:
    """An example that was written, by hashes of what the format holds of it."""

    id: str
    line: int | None
    parts: Mapping[str, bytes]

    @classmethod
    def of(cls, example: Example, chosen: Format) -> _Mark:
        plain = trimmed(example)
        parts: dict[str, object] = {
            "text": plain.text,
            "mentions": sorted((one.start, one.end, one.label) for one in plain.mentions),
        }
        if "ids" not in chosen.losses:
            parts["id"] = plain.id
        if "unlocated" not in chosen.losses:
            parts["missing gold"] = sorted((one.label, one.text) for one in plain.unlocated)
        hashes = {name: _hash(part) for name, part in parts.items()}
        return cls(example.id, example.line, hashes)


def _hash(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=12).digest()


def _compare(part: Path, written: Sequence[_Mark], chosen: Format, source: Path | None) -> None:
    """Read a file back that was written; refuse the first example that comes back as another."""
    place = 0
    try:
        for place, example in enumerate(iter_examples(part, chosen.name)):
            if place == len(written):
                raise _differs(written[-1], chosen, source, "it is read as several")
            mark, back = written[place], _Mark.of(example, chosen)
            for name, value in mark.parts.items():
                if back.parts[name] != value:
                    raise _differs(mark, chosen, source, f"its {name} would be read otherwise")
        place += 1
    except InputError as error:
        if "cannot be written" in error.message:
            raise
        raise _differs(written[place], chosen, source, error.message) from error
    if place < len(written):
        raise _differs(written[place], chosen, source, "it would not be read again")


def _differs(mark: _Mark, chosen: Format, source: Path | None, reason: str) -> InputError:
    return InputError(
        f"example {mark.id!r} cannot be written as {chosen.name}: {reason}",
        where=located(source, mark.line) if source else None,
        hint="the format 'spans' holds everything",
    )


def writer_of(chosen: Format) -> Callable[[Example], str]:
    """Return what writes an example of a format; refuse a format that is only read."""
    if chosen.write is None:
        written = ", ".join(name for name, one in FORMATS.items() if one.write is not None)
        raise InputError(f"the format {chosen.name!r} is only read", hint=f"write one of {written}")
    return chosen.write


def _written(example: Example, chosen: Format, source: Path | None) -> bytes:
    try:
        return writer_of(chosen)(example).encode("utf-8")
    except InputError as error:
        where = located(source, example.line) if source else None
        raise InputError(error.message, where=where, hint=error.hint) from error
