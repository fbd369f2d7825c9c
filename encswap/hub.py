"""The hub: whether it can be reached, and files of one repository at one commit.

Whatever the network does, a call here ends within its limit of seconds, and in one line.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from encswap import files
from encswap.errors import SourceError
from encswap.files import cache_root, recall, relative_name, remember

COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
LARGEST = 2**46
UNLISTED_BYTES = 64 * 2**20
"""What a file may have whose size the hub did not list."""


@dataclass(frozen=True)
class Expected:
    """A file that is being fetched: of which hub and repository, and its size as listed."""

    endpoint: str
    hub_id: str
    name: str
    size: int

    @property
    def most(self) -> int:
        """The most bytes that may arrive."""
        return self.size or UNLISTED_BYTES


_HOOKING = threading.Lock()
_EXPECTED: ContextVar[Expected | None] = ContextVar("expected", default=None)


def is_commit(value: object) -> bool:
    """Tell whether a value has the form of a commit's id."""
    return isinstance(value, str) and COMMIT.fullmatch(value) is not None


def sound_commit(hub_id: str, value: object) -> str:
    """Take a commit's id as the hub names it."""
    if not isinstance(value, str) or not is_commit(value):
        raise SourceError(f"{hub_id}: the hub names {_short(value)} as commit, which is none")
    return value


def sound_name(hub_id: str, value: object) -> str:
    """Take a file's name as the hub lists it."""
    try:
        return relative_name(value if isinstance(value, str) else "")
    except SourceError as error:
        raise SourceError(f"{hub_id}: the hub lists {error.message}") from error


def sound_checksum(hub_id: str, name: str, value: object) -> str:
    """Take a checksum as the hub lists it: SHA-1 of a git blob, SHA-256, or none."""
    if value == "" or (isinstance(value, str) and CHECKSUM.fullmatch(value)):
        return str(value)
    raise SourceError(f"{hub_id}: the hub lists {_short(value)} as checksum of {name}")


def sound_size(hub_id: str, name: str, value: object) -> int:
    """Take a size in bytes as the hub lists it; 0 where it lists none."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise SourceError(f"{hub_id}: the hub lists {_short(value)} as size of {name}")
    return value


@contextmanager
def guarded(endpoint: str, hub_id: str, name: str, size: int) -> Iterator[None]:
    """Refuse answers of a form that could lead out of the cache while one file is fetched."""
    token = _EXPECTED.set(Expected(endpoint, hub_id, name, size))
    try:
        yield
    finally:
        _EXPECTED.reset(token)


def refuse_unsound(status: int, method: str, headers: Mapping[str, str]) -> None:
    """Refuse an answer to the fetching of a file whose headers are not of the form they must have.

    Raises `SourceError`. Answers that no file is fetched by are let through.
    """
    expected = _EXPECTED.get()
    if expected is None:
        return
    commit = headers.get("x-repo-commit")
    if commit is not None:
        sound_commit(expected.hub_id, commit)
    linked = headers.get("x-linked-etag")
    etag = linked if linked is not None else headers.get("etag") if commit is not None else None
    if etag is not None and status < 400 and method == "HEAD":
        _refuse_etag(expected, etag)
    _refuse_xet(expected, headers)
    if status < 300:
        _refuse_size(expected, method, headers)


def _refuse_etag(expected: Expected, etag: str) -> None:
    # As the client strips it: any of W, / and quotation marks at the ends.
    if not CHECKSUM.fullmatch(etag.lstrip("W/").strip('"')):
        raise SourceError(
            f"{expected.hub_id}: the hub gives {expected.name} the ETag {_short(etag)}, "
            "which is no checksum"
        )


def _refuse_xet(expected: Expected, headers: Mapping[str, str]) -> None:
    """The token is sent to the place that these headers name."""
    found = headers.get("x-xet-hash")
    if found is not None and not re.fullmatch(r"[0-9a-f]{64}", found):
        raise SourceError(f"{expected.hub_id}: the hub gives {expected.name} no sound Xet hash")
    routes = re.findall(r"<([^>]*)>", headers.get("link", "")) if found is not None else []
    routes.append(headers.get("x-xet-refresh-route", ""))
    for route in filter(None, routes):
        host = urlsplit(route).netloc
        if host and not _same_site(host, urlsplit(expected.endpoint).netloc):
            raise SourceError(
                f"{expected.hub_id}: the hub sends the client on to {_short(host)}, "
                "which the token does not belong to"
            )


def _same_site(host: str, own: str) -> bool:
    return host in (own, "huggingface.co") or host.endswith((".huggingface.co", ".hf.co"))


def _refuse_size(expected: Expected, method: str, headers: Mapping[str, str]) -> None:
    given = headers.get("x-linked-size") or headers.get("content-length")
    if given is None:
        if method == "GET":
            raise SourceError(f"{expected.hub_id}: {expected.name} has no length that is told")
        return
    if not given.isascii() or not given.isdigit() or int(given) > expected.most:
        raise SourceError(
            f"{expected.hub_id}: {expected.name} would have {_short(given)} bytes, "
            f"the hub lists {expected.size or 'none'}"
        )


def _short(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:77]}…"


def look_at_answers() -> None:
    """Look at every answer that the hub's client gets from now on, whichever HTTP library it has.

    To be called before its first request: setting the factory closes the session that is open, and
    other threads may be reading from it. The client makes another session where a connection fails.
    """
    with _HOOKING:
        _hook()


def _hook() -> None:
    import huggingface_hub

    setter = getattr(huggingface_hub, "set_client_factory", None)
    if setter is None:  # before 1.0: requests
        huggingface_hub.configure_http_backend(backend_factory=_requests_session)
        return
    from huggingface_hub.utils import _http

    if not getattr(_http._GLOBAL_CLIENT_FACTORY, "guarded", False):
        setter(_guarded_factory(_http._GLOBAL_CLIENT_FACTORY))


def _guarded_factory(factory: Callable[[], Any]) -> Callable[[], Any]:
    def make() -> Any:
        client = factory()
        hooks = client.event_hooks
        client.event_hooks = {**hooks, "response": [*hooks.get("response", []), _on_response]}
        return client

    make.guarded = True  # type: ignore[attr-defined]
    return make


def _on_response(response: Any) -> None:
    refuse_unsound(response.status_code, response.request.method, response.headers)


def _requests_session() -> Any:
    import requests

    session = requests.Session()
    session.hooks["response"].append(
        lambda response, *_, **__: refuse_unsound(
            response.status_code, response.request.method, response.headers
        )
    )
    return session


T = TypeVar("T")
REACH_SECONDS = 2.0
REMEMBER_SECONDS = 30.0
METADATA_SECONDS = 45.0
LIST_SECONDS = 10.0
METADATA_BYTES = 64 * 2**20
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
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


@lru_cache(maxsize=1)
def hub_reachable() -> bool:
    """Say whether the hub answers; asked once, at most two seconds, then remembered."""
    return not why_unreachable()


def why_unreachable() -> str:
    """Say in a few words why the hub cannot be reached; empty where it can."""
    return _ask(endpoint(), _is_offline())


def forget() -> None:
    """Ask again next time."""
    hub_reachable.cache_clear()
    _ask.cache_clear()


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
def _ask(address: str, offline: str) -> str:
    if offline:
        return offline
    note = cache_root() / "hub" / "unreachable.json"
    known = recall(note, max_age=REMEMBER_SECONDS)
    if isinstance(known, dict) and known.get("endpoint") == address:
        return str(known.get("reason"))
    try:
        within(REACH_SECONDS, lambda: _knock(address), f"{address} gave no answer")
    except SourceError as error:
        remember(note, {"endpoint": address, "reason": error.message})
        return error.message
    return ""


def _knock(address: str) -> None:
    """Ask as the hub's own client would: with its proxies and certificates."""
    from huggingface_hub import get_session

    look_at_answers()
    try:
        status = get_session().head(address, timeout=REACH_SECONDS).status_code
    except Exception as error:
        raise SourceError(f"{address} cannot be reached ({type(error).__name__})") from error
    if status in {407, 502, 503, 504}:
        raise SourceError(f"{address} cannot be reached (HTTP {status})")


def within(seconds: float, call: Callable[[], T], what: str) -> T:
    """Return what `call` returns, or give up on it after so many seconds.

    The hub's client retries, sleeps and resumes without a limit of its own; the thread that is
    given up on is a daemon and ends with the process.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def target() -> None:
        try:
            results.append(call())
        except BaseException as error:
            failures.append(error)

    _listen()
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        heard = [line for line in _HEARD.lines if what.split(":", maxsplit=1)[0] in line]
        last = f"; last: {heard[-1]}" if heard else ""
        raise SourceError(f"{what} within {seconds:g} s{last}")
    return results[0]


class _Heard(logging.Handler):
    """Keep what the hub's client complains of, for the one line in which it is told."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[str] = deque(maxlen=64)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().splitlines()[0][:200])


_HEARD = _Heard()


def _listen() -> None:
    logger = logging.getLogger("huggingface_hub")
    if _HEARD not in logger.handlers:
        logger.handlers = [_HEARD]
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

    look_at_answers()
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
            message, hint = _told(error, self.revision)
            raise SourceError(f"{self.name}: {message}", hint=hint) from error


def _told(error: Exception, revision: str) -> tuple[str, str]:
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
