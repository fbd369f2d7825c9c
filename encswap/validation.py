"""Files that encswap reads back: strict JSON, validated by one model each, an error in one line.

A file may be cut, edited or written by a later version. What is wrong is named with its key; a key
that is not known is logged once and ignored, so that a folder of a newer encswap still loads.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, TypeAdapter, ValidationError

from encswap.errors import EncswapError, InputError
from encswap.escaping import MOST_DEPTH

T = TypeVar("T")
MOST_BYTES = 256 * 2**20
MOST_DIGITS = 400
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_TOLD: set[tuple[str, str]] = set()
log = logging.getLogger("encswap.validation")


class Record(BaseModel):
    """A part of a file: exact types, finite numbers; further keys are kept and logged."""

    partial_view: ClassVar[bool] = False  # of a file that another model knows whole
    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class Remembered(RootModel[dict[str, Any]]):
    """What was measured before a run was interrupted, by name."""


class _BadValueError(ValueError):
    """What JSON allows and encswap does not."""


def read_text(path: Path, error: type[EncswapError] = InputError, *, hint: str = "") -> str:
    """Read a text file: a regular one, of a size that a person's machine holds, in UTF-8."""
    if not path.is_file():
        raise error("is no file", where=path, hint=hint)
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise error(f"is too large: {size:,} bytes", where=path, hint=hint)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as failure:
        raise error(f"is no UTF-8 text: {failure.reason}", where=path, hint=hint) from failure
    except OSError as failure:
        raise error(f"cannot be read: {failure.strerror}", where=path, hint=hint) from failure


def parse_json(text: str) -> Any:
    """Parse strict JSON: no key twice, no NaN, no half characters, no bomb; a `ValueError` else."""
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_each_once,
        )
    except RecursionError:
        raise _BadValueError("it is nested too deep") from None
    _refuse_deep(value)
    if _HALF.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise _BadValueError("it holds half a character, which is no text") from None
    return value


def _refuse_constant(name: str) -> Any:
    raise _BadValueError(f"it holds {name}, which is no number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise _BadValueError(f"it holds {text[:20]}, which is too large")
    return number


def _short(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _BadValueError(f"it holds a number of {len(text):,} digits")
    return int(text)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise _BadValueError(f"it holds the key {twice!r} twice")
    return found


def _refuse_deep(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_DEPTH):
        if not level:
            return
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    raise _BadValueError("it is nested too deep")


def read_record(
    path: Path,
    kind: type[T],
    error: type[EncswapError] = InputError,
    *,
    what: str = "cannot be read",
    hint: str = "",
) -> T:
    """Read a JSON file as `kind`, a `Record` or a dataclass; `what` begins the message."""
    text = read_text(path, error, hint=hint)
    try:
        value = parse_json(text)
    except ValueError as failure:
        line = f"is cut off or no JSON: {failure}" if text.strip() else "is empty"
        raise error(line, where=path, hint=hint) from failure
    return validate(value, kind, path, error, what=what, hint=hint)


def validate(
    value: Any,
    kind: type[T],
    where: str | Path,
    error: type[EncswapError] = InputError,
    *,
    what: str = "cannot be read",
    hint: str = "",
) -> T:
    """Return a parsed value as `kind`; the error names the first key that is wrong."""
    try:
        made: T
        if issubclass(kind, BaseModel):
            made = kind.model_validate(value)
        else:  # a dataclass holds tuples, which strict validation takes from JSON alone
            made = _adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as failure:
        raise error(f"{what}: {fault_of(failure)}", where=where, hint=hint) from failure
    if not getattr(kind, "partial_view", False):
        tell_unknown(where, unknown_keys(made, value), _version(value))
    return made


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return _ADAPTERS.setdefault(kind, TypeAdapter(kind))


def fault_of(failure: ValidationError) -> str:
    """The first fault of a validation in one line: the key, what is wrong, and what it holds."""
    first = failure.errors(include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"].startswith("missing"):
        return f"{key} is missing"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{key}: {message[:1].lower()}{message[1:]}, got {shown(first['input'])}".lstrip(": ")


def shown(value: Any) -> str:
    """A value from a file, short enough for a line."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple | set):
        return "a list"
    text = repr(value[:80]) if isinstance(value, str) else repr(value)
    return text if len(text) <= 90 else f"{text[:80]}…"


def unknown_keys(made: Any, value: Any, at: str = "") -> list[str]:
    """The keys of `value` that the model which was made of it does not know."""
    if isinstance(made, RootModel):
        return []
    if isinstance(made, BaseModel):
        known: Iterable[str] = type(made).model_fields
    elif is_dataclass(made):
        known = [one.name for one in fields(made)]
    else:
        return []
    found = [f"{at}{key}" for key in value if key not in known]
    for key in known:
        if key in value:
            found += unknown_keys(getattr(made, key), value[key], f"{at}{key}.")
    return found


def tell_unknown(where: str | Path, keys: list[str], version: str) -> None:
    """Log once which keys are passed over, and that a newer encswap wrote the file."""
    from encswap import __version__

    newer = _number(version) > _number(__version__)
    mark = (str(where), ",".join(keys))
    if mark in _TOLD or not (keys or newer):
        return
    _TOLD.add(mark)
    parts = [f"was written by encswap {version}, this is {__version__}"] if newer else []
    if keys:
        rest = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
        parts.append(f"unknown keys are passed over: {', '.join(keys[:5])}{rest}")
    log.warning("encswap: %s: %s", where, "; ".join(parts))


def _version(value: Any) -> str:
    found = value.get("encswap") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in re.findall(r"\d+", version)[:3])
