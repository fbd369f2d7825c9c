"""A fence round loading: inside it transformers can import no code of a model, and fetch nothing.

What a config asks for is refused by its content first (`content.py`). This is the second lock: a
way to name code that nobody thought of ends here, before a file is copied or a module imported.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from encswap.errors import SourceError

_FENCED: ContextVar[bool] = ContextVar("encswap_fenced", default=False)
_LOCK = Lock()
# All of transformers' ways to code of a repository end in these functions of one module.
CODE = ("create_dynamic_module", "get_cached_module_file", "get_class_in_module")
FETCH = ("hf_hub_download", "snapshot_download")


@contextmanager
def fenced() -> Iterator[None]:
    """Run with transformers unable to import a model's code or to fetch another repository.

    It holds for the calling thread alone: other threads, and a program around this library, go on
    as they were. Raises `SourceError` at the attempt.
    """
    _build_once()
    token = _FENCED.set(True)
    try:
        yield
    finally:
        _FENCED.reset(token)


def _build_once() -> None:
    import transformers.dynamic_module_utils as code
    from transformers.utils import hub

    with _LOCK:
        for module, names, what in (
            (code, CODE, "asks for code of its own, which encswap does not run"),
            (hub, FETCH, "asks for files of another repository, which encswap does not fetch"),
        ):
            for name in names:
                call = getattr(module, name)
                if not hasattr(call, "_encswap_fence"):
                    setattr(module, name, _behind_fence(call, what))


def _behind_fence(call: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(call)
    def checked(*arguments: Any, **options: Any) -> Any:
        if _FENCED.get():
            raise SourceError(f"the model {what}", hint="choose a model that transformers ships")
        return call(*arguments, **options)

    checked._encswap_fence = True  # type: ignore[attr-defined]
    return checked
