"""What a plugin promises, as tests: one import for the tests of a plugin's author.

In the plugin's own tests, with the plugin installed:

    from encswap.testing import conforms

    test_conforms = conforms("my-encoder")

pytest then runs one case for each promise: `test_conforms[my-encoder-loads]` and so on, at mini
scale and without a download. The name is a plugin's, an encoder's or a word splitter's. A plugin
that implements `adapt_embeddings` names its methods: `conforms("my-plugin", methods=("my-way",))`.
`encswap plugins verify NAME` runs the same. What each promise asks is in docs/plugins.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from encswap.testing.verification import Case, Verification

__all__ = ["conforms"]


def conforms(name: str, *, methods: Sequence[str] = ()) -> Callable[[Case], None]:
    """Make a pytest test with one case for each promise of a plugin, an encoder or a splitter."""
    import pytest

    from encswap.errors import EncswapError

    try:
        verification = Verification.of(name, methods=methods, bare=True)
    except EncswapError as error:
        failure = str(error)

        def test_found() -> None:
            pytest.fail(failure, pytrace=False)

        return test_found  # type: ignore[return-value]

    @pytest.mark.parametrize("case", verification.cases, ids=str)
    def test_conforms(case: Case) -> None:
        outcome = verification.outcome(case)
        if outcome.status == "skipped":
            pytest.skip(outcome.message)
        if outcome.status == "broken":
            pytest.fail(f"{outcome.message} ({outcome.page})", pytrace=False)

    return test_conforms
