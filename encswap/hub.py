"""The hub: whether it can be reached, and files of one repository at one commit.

Whatever the network does, a call here ends within its limit of seconds, and in one line.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from encswap import files
from encswap.errors import SourceError
from encswap.files import cache_root, recall, remember
from encswap.safety.hub_answers import (
    guarded,
    is_commit,
    sound_checksum,
    sound_commit,
    sound_name,
    sound_size,
    watch_answers,
)
from encswap.timeouts import CallTimeoutError, call_within

T = TypeVar("T")
REACH_SECONDS = 2.0
REMEMBER_SECONDS = 30.0
METADATA_SECONDS = 45.0
LIST_SECONDS = 10.0
METADATA_BYTES = 64 * 2**20
OFFLINE_WAYS = "offline ways: a local folder as the name, a filled HF_HOME cache, or --scale mini"
_METADATA_NAMES = re.compile(
    r"((encoder_config|[\w-]*Pooling|[\w-]*Transformer)/)?[^/]+\.(json|txt|model|vocab|jinja)"
    r"|README\.md|LICENSE[^/]*"
)
_WEIGHT_NAMES = re.compile(r"[^/]+\.(safetensors|bin|index\.json)")


@dataclass(frozen=True)
class Listing:
    """The files of a repository at one commit: sizes in bytes, and the checksums that it names."""

    commit: str
    sizes: Mapping[str, int]
    checksums: Mapping[str, str]


def why_unreachable() -> str:
    """Say in a few words why the hub cannot be reached; empty where it can.

    The first call takes at most two seconds. The answer is cached for the process, and a failure
    for the next processes too, for half a minute.
    """
    return _probe(endpoint(), _is_offline())


def clear_reachability() -> None:
    """Probe the hub again at the next call."""
    _probe.cache_clear()


def endpoint() -> str:
    """The hub's address."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _is_offline() -> str:
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(variable, "").upper() in {"1", "ON", "YES", "TRUE"}:
            return f"{variable} is set"
    return ""


@lru_cache(maxsize=8)
def _probe(address: str, offline: str) -> str:
    if offline:
        return offline
    note = cache_root() / "hub" / "unreachable.json"
    known = recall(note, max_age=REMEMBER_SECONDS)
    if isinstance(known, dict) and known.get("endpoint") == address:
        return str(known.get("reason"))
    try:
        within(REACH_SECONDS, lambda: _request_head(address), f"{address} gave no answer")
    except SourceError as error:
        remember(note, {"endpoint": address, "reason": error.message})
        return error.message
    return ""


def _request_head(address: str) -> None:
    """Request as the hub's own client would: with its proxies and certificates."""
    from huggingface_hub import get_session

    watch_answers()
    try:
        status = get_session().head(address, timeout=REACH_SECONDS).status_code
    except Exception as error:
        raise SourceError(f"{address} cannot be reached ({type(error).__name__})") from error
    if status in {407, 502, 503, 504}:
        raise SourceError(f"{address} cannot be reached (HTTP {status})")


def within(seconds: float, call: Callable[[], T], what: str) -> T:
    """Return what `call` returns; `SourceError` after so many seconds.

    The hub's client retries, sleeps and resumes without a limit of its own.
    """
    _keep_warnings()
    try:
        return call_within(seconds, call)
    except CallTimeoutError as error:
        about = what.split(":", maxsplit=1)[0]
        warned = [line for line in _WARNINGS.lines if about in line]
        last = f"; last: {warned[-1]}" if warned else ""
        raise SourceError(f"{what} within {seconds:g} s{last}") from error


class _Warnings(logging.Handler):
    """Keep the warnings of the hub's client, for the one line of an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[str] = deque(maxlen=64)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().splitlines()[0][:200])


_WARNINGS = _Warnings()


def _keep_warnings() -> None:
    logger = logging.getLogger("huggingface_hub")
    if _WARNINGS not in logger.handlers:
        logger.handlers = [_WARNINGS]
        logger.propagate = False


def git_blob(content: bytes) -> str:
    """The id that git, and so the hub, gives to a file."""
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def fetch(
    hub_id: str, revision: str | None, *, weights: bool, allow_pickle: bool = False
) -> tuple[Path, Listing]:
    """Fetch the files of one commit into the hub's cache; the name of a branch is resolved first.

    Without `weights`: only config, tokenizer and other small files. Every file is compared with
    the checksum that the hub names for it, which its client does not do.
    """
    if reason := why_unreachable():
        return _from_cache(hub_id, revision, reason, weights=weights)
    listing = within(
        METADATA_SECONDS, lambda: _list(hub_id, revision), f"{hub_id}: the hub did not answer"
    )
    small = wanted_metadata(listing.sizes)
    folder = within(
        METADATA_SECONDS,
        lambda: _download(hub_id, listing, small),
        f"{hub_id}: its small files did not arrive",
    )
    if weights:
        _download(hub_id, listing, wanted_weights(hub_id, listing.sizes, allow_pickle))
    remember(_note(hub_id, revision), {"commit": listing.commit, "sizes": dict(listing.sizes)})
    return folder, listing


def wanted_metadata(sizes: Mapping[str, int]) -> list[str]:
    """Choose config, tokenizer and other small files."""
    return [
        name
        for name, size in sizes.items()
        if _METADATA_NAMES.fullmatch(name) and size <= METADATA_BYTES
    ]


def wanted_weights(name: str, sizes: Mapping[str, int], allow_pickle: bool) -> list[str]:
    """Choose the weights in the root folder: safetensors, else pickle where it is allowed."""
    found = [file for file in sizes if _WEIGHT_NAMES.fullmatch(file)]
    safe = [file for file in found if ".safetensors" in file]
    pickles = [file for file in found if file.startswith("pytorch_model")]
    if safe or (allow_pickle and pickles):
        return safe or pickles
    if pickles:
        raise SourceError(
            f"{name} has its weights only as pickle ({pickles[0]}), which can run code",
            hint=f"if you trust it: --allow-pickle {name}",
        )
    raise SourceError(f"{name} has no weights", hint="expected model.safetensors")


def _list(hub_id: str, revision: str | None) -> Listing:
    from huggingface_hub import HfApi

    watch_answers()
    with _one_line(hub_id, revision):
        info = HfApi(endpoint=endpoint()).model_info(
            hub_id, revision=revision, files_metadata=True, timeout=LIST_SECONDS
        )
    siblings = [(sound_name(hub_id, one.rfilename), one) for one in info.siblings or []]
    return Listing(
        commit=sound_commit(hub_id, info.sha),
        sizes={name: sound_size(hub_id, name, one.size) for name, one in siblings},
        checksums={name: sound_checksum(hub_id, name, _checksum(one)) for name, one in siblings},
    )


def _checksum(sibling: Any) -> Any:
    lfs = getattr(sibling, "lfs", None)
    return (lfs.sha256 if lfs else None) or getattr(sibling, "blob_id", None) or ""


def _download(hub_id: str, listing: Listing, names: Iterable[str]) -> Path:
    from huggingface_hub import hf_hub_download

    folder = Path()
    for name in names:
        size = listing.sizes.get(name, 0)
        with _one_line(hub_id, listing.commit), guarded(endpoint(), hub_id, name, size):
            path = Path(
                hf_hub_download(
                    hub_id,
                    name,
                    revision=listing.commit,
                    endpoint=endpoint(),
                    etag_timeout=5,
                )
            )
        folder = Path(str(path)[: -len(name)])
        if folder.name != listing.commit:
            raise SourceError(f"{hub_id} moved from {listing.commit[:12]} while it was read")
        _verify(hub_id, name, path, listing.checksums.get(name, ""))
    if not folder.name:
        raise SourceError(f"{hub_id} holds no config and no tokenizer")
    return folder


def _verify(hub_id: str, name: str, path: Path, checksum: str) -> None:
    if not checksum:
        return
    real = files.inside(_hub_cache(), path)
    if recall(_seal(checksum)) == real.stat().st_size:
        return
    digest = hashlib.sha256() if len(checksum) == 64 else hashlib.sha1(usedforsecurity=False)
    if len(checksum) == 40:  # a git blob: its header is hashed too
        digest.update(f"blob {real.stat().st_size}\0".encode())
    with real.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    if digest.hexdigest() != checksum:
        files.remove(path, _hub_cache())
        files.remove(real, _hub_cache())
        raise SourceError(
            f"{hub_id}: {name} does not have the checksum that the hub names for it",
            hint="the file was removed from the cache; try again",
        )
    remember(_seal(checksum), real.stat().st_size)


def _hub_cache() -> Path:
    """Where the hub's client keeps its files."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _seal(checksum: str) -> Path:
    return cache_root() / "hub" / "verified" / f"{checksum}.json"


def _note(hub_id: str, revision: str | None) -> Path:
    name = f"{hub_id.replace('/', '--')}@{(revision or 'main').replace('/', '--')}.json"
    return cache_root() / "hub" / "listings" / name


def _from_cache(
    hub_id: str, revision: str | None, reason: str, *, weights: bool
) -> tuple[Path, Listing]:
    """Find the files that an earlier call, or another program, left in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    note = recall(_note(hub_id, revision), kind=dict) or {}
    note = note if is_commit(note.get("commit")) else {}
    for name in ("config.json", "gliner_config.json", "modules.json"):
        found = try_to_load_from_cache(hub_id, name, revision=note.get("commit") or revision)
        if isinstance(found, str):
            folder = Path(found).parent
            sizes = _sizes(note) or {
                str(path.relative_to(folder)): path.stat().st_size
                for path in folder.rglob("*")
                if path.is_file()
            }
            if weights and not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
                break
            return folder, Listing(folder.name, sizes, {})
    raise SourceError(
        f"{hub_id} is not in the cache and the hub cannot be reached: {reason}", hint=OFFLINE_WAYS
    )


def _sizes(note: Mapping[str, Any]) -> dict[str, int]:
    found = note.get("sizes")
    if not isinstance(found, dict):
        return {}
    return {str(name): size for name, size in found.items() if isinstance(size, int)}


class _one_line:  # noqa: N801 - reads as the statement it is
    """Turn the hub client's errors into one line that says what to do."""

    def __init__(self, hub_id: str, revision: str | None) -> None:
        self.name = hub_id
        self.revision = revision or "main"

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, SourceError):
            message, hint = _message_and_hint(error, self.revision)
            raise SourceError(f"{self.name}: {message}", hint=hint) from error


def _message_and_hint(error: Exception, revision: str) -> tuple[str, str]:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    kinds: list[tuple[bool, str, str]] = [
        (
            isinstance(error, errors.GatedRepoError),
            f"is gated (HTTP {status})",
            "accept its terms on its page and set HF_TOKEN",
        ),
        (
            isinstance(error, errors.RepositoryNotFoundError),
            f"no such repository, or it is private (HTTP {status})",
            "check the spelling, or set HF_TOKEN",
        ),
        (
            isinstance(error, errors.RevisionNotFoundError),
            f"has no revision {revision!r}",
            "give a branch, a tag or a commit",
        ),
        (
            status == 429,
            "the hub limits the rate (HTTP 429)",
            "wait a few minutes, or set HF_TOKEN",
        ),
        (status in {401, 403}, f"access is refused (HTTP {status})", "set HF_TOKEN"),
        (status is not None, f"the hub answered HTTP {status}", "try again"),
    ]
    for holds, message, hint in kinds:
        if holds:
            return message, hint
    first = (str(error).splitlines() or [""])[0]
    return f"could not be read: {type(error).__name__}: {first}", "try again"
