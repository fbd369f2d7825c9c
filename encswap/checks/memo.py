"""Remember the result of a slow function for the very same objects, hashable or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def by_identity(limit: int = 16) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the last `limit` results; the arguments are kept alive with them."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept: dict[tuple[int, ...], tuple[Any, T]] = {}

        @wraps(function)
        def remembering(*args: P.args, **kwargs: P.kwargs) -> T:
            key = tuple(id(one) for one in (*args, *kwargs.values()))
            if key not in kept:
                while len(kept) >= limit:
                    del kept[next(iter(kept))]
                kept[key] = ((args, kwargs), function(*args, **kwargs))
            return kept[key][1]

        return remembering

    return decorate
