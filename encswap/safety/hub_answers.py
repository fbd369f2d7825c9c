"""Answers of the hub: refuse those that could lead a download out of the cache or the token away.

The hub's client takes commit ids, checksums and routes from headers and makes paths and requests of
them. A hook on its HTTP session looks at every answer first.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from encswap.errors import SourceError
from encswap.files import relative_name

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
            raise SourceError(f"{expected.hub_id}: {expected.name} comes without a length")
        return
    if not given.isascii() or not given.isdigit() or int(given) > expected.most:
        raise SourceError(
            f"{expected.hub_id}: {expected.name} would have {_short(given)} bytes, "
            f"the hub lists {expected.size or 'none'}"
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def watch_answers() -> None:
    """Check every answer that the hub's client gets from now on, with httpx and with requests.

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
