"""The ceiling of recall: what share of gold the units of a splitter can express."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from encswap.check.evidence import CheckCase
from encswap.errors import EncswapError
from encswap.types import Example, Finding, Status, WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from encswap.data.units import Coverage

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


LEAST, GOOD = 0.5, 0.95
WIDTHS = (8, 12, 16, 24)


def coverage(case: CheckCase) -> Finding | None:
    """Measure every splitter at hand; the candidate's own decides the status."""
    examples = case.context.examples
    if not examples:
        return None
    if not any(one.mentions or one.unlocated for one in examples):
        return Finding("coverage", "skip", case.depth, "no gold in the data")
    found = {
        name: _measured(splitter, examples) for name, splitter in case.context.splitters.items()
    }
    own = found.get(case.spec.word_splitter)
    if own is None:
        message = f"splitter {case.spec.word_splitter!r} is not at hand"
        return Finding("coverage", "skip", case.depth, message)
    status: Status = "pass"
    if own.aligned_share < GOOD:
        status = "warn" if own.aligned_share >= LEAST else "fail"
    others = [f"{name} {one.aligned_share:.1%}" for name, one in found.items() if one is not own]
    widths = ", ".join(f"{own.share(width):.1%} within {width}" for width in WIDTHS)
    message = (
        f"{case.spec.word_splitter} expresses {own.aligned_share:.1%} of {own.mentions:,} mentions"
        f" ({widths}); others: {', '.join(others) or 'none'}"
    )
    evidence = {name: _shares(one) for name, one in found.items()}
    return Finding("coverage", status, case.depth, message, None, evidence)


@by_identity()
def _measured(splitter: WordSplitter, examples: Sequence[Example]) -> Coverage:
    from encswap.data.units import measure_coverage

    return measure_coverage(examples, splitter)


def _shares(found: Coverage) -> dict[str, object]:
    within = {str(width): round(found.share(width), 4) for width in WIDTHS}
    return {"aligned": round(found.aligned_share, 4), "within": within}


SAMPLE = 200
ODD_UNITS = ("\u200b", "\ufeff", "\u00ad", "\ufffd")


@lru_cache(maxsize=32)
def tokenizer_at(folder: Path) -> PreTrainedTokenizerFast:
    """Load a folder's tokenizer once."""
    from encswap.safety.trusted_classes import load_tokenizer

    return load_tokenizer(folder, folder.name)


def tokenizer_of(case: CheckCase) -> PreTrainedTokenizerFast | None:
    """The candidate's tokenizer; None where it does not load, which has its own finding."""
    assert case.source is not None
    try:
        return tokenizer_at(case.source.path)
    except EncswapError:
        return None


def tokenizer_loads(case: CheckCase) -> Finding:
    """Load the tokenizer, and say whether its declared class was of use."""
    assert case.source is not None
    code = "tokenizer-loads"
    try:
        tokenizer = tokenizer_at(case.source.path)
    except EncswapError as error:
        return Finding(
            code, "fail", "config", f"no tokenizer: {' '.join(error.message.split())[:200]}"
        )
    kind = _model_of(tokenizer)
    told = f"{type(tokenizer).__name__}, {kind}, {len(tokenizer):,} tokens"
    evidence = {"model": kind, "length": len(tokenizer), "class": type(tokenizer).__name__}
    if (why := _declared_class_fails(case.source.path)) is not None:
        message = f"{told}; the declared class fails ({why}), tokenizer.json loads without it"
        return Finding(code, "warn", "config", message, None, evidence)
    return Finding(code, "pass", "config", told, None, evidence)


def _model_of(tokenizer: PreTrainedTokenizerFast) -> str:
    return type(tokenizer.backend_tokenizer.model).__name__


@lru_cache(maxsize=32)
def _declared_class_fails(folder: Path) -> str | None:
    from encswap.safety.trusted_classes import declared_tokenizer

    try:
        declared_tokenizer(folder)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return None


def marker_tokens(case: CheckCase) -> Finding:
    """Add the base's schema tokens: each must be one id, distinct and known."""
    from encswap.gliner import model as gliner

    tokenizer = tokenizer_of(case)
    if tokenizer is None:
        return Finding("marker-tokens", "skip", "config", "no tokenizer")
    if shared := _shared_id(tokenizer, gliner.marker_tokens()):
        return Finding("marker-tokens", "fail", "config", shared)
    try:
        ids = gliner.add_markers(copy.deepcopy(tokenizer))
    except EncswapError as error:
        return Finding("marker-tokens", "fail", "config", error.message)
    lowest, highest = min(ids.values()), max(ids.values())
    message = f"{len(ids)} markers, each one id of its own ({lowest}–{highest})"
    return Finding("marker-tokens", "pass", "config", message, None, {"ids": dict(ids)})


def _shared_id(tokenizer: PreTrainedTokenizerFast, markers: Sequence[str]) -> str:
    """Name two tokens of one id, a marker among them; a copied tokenizer no longer shows it."""
    numbers = tokenizer.get_vocab()
    for marker in markers:
        same = [token for token, number in numbers.items() if number == numbers.get(marker)]
        if len(same) > 1:
            return f"tokens {' and '.join(sorted(same)[:3])} share the id {numbers[marker]}"
    return ""


def subtoken_per_unit(case: CheckCase) -> Finding:
    """Tokenise every unit of the sample, as gliner2 does: lower-cased and alone."""
    code = "subtoken-per-unit"
    tokenizer = tokenizer_of(case)
    if tokenizer is None:
        return Finding(code, "skip", "config", "no tokenizer")
    units = list(dict.fromkeys(sample_units(case)))
    if not units:
        return Finding(code, "skip", "config", "no text to look at; give --data")
    empty = [unit for unit in units if not tokenizer.tokenize(unit)]
    if empty:
        shown = ", ".join(repr(unit) for unit in empty[:5])
        message = f"{len(empty)} of {len(units):,} units give no subtoken: {shown}"
        return Finding(code, "fail", "config", message, None, {"units": empty[:50]})
    odd = [f"U+{ord(unit):04X}" for unit in ODD_UNITS if not tokenizer.tokenize(unit)]
    message = f"all {len(units):,} different units give a subtoken"
    if odd:
        message += f"; a text of nothing but {', '.join(odd)} would give none"
    return Finding(code, "pass", "config", message, None, {"odd": odd})


def sample_units(case: CheckCase) -> Iterator[str]:
    """Yield the units of the sample, lower-cased, cut by the candidate's own splitter."""
    splitter = splitter_of(case)
    for example in case.context.examples[:SAMPLE]:
        if splitter is None:
            yield from example.text.lower().split()
        else:
            yield from (token for token, _, _ in splitter(example.text, True))


def splitter_of(case: CheckCase) -> Any:
    """The candidate's word splitter, where it is at hand."""
    return case.context.splitters.get(case.spec.word_splitter)


def pad_id(case: CheckCase) -> Finding:
    """Compare the padding id with the 0 that gliner2 pads with, and with the table."""
    config = case.candidate.config
    pad, rows = config.get("pad_token_id"), config.get("vocab_size")
    if not isinstance(pad, int):
        return Finding("pad-id", "pass", "config", "no padding id; gliner2 pads with 0, masked")
    if isinstance(rows, int) and not 0 <= pad < rows:
        message = f"padding id {pad} is outside the table of {rows:,} rows"
        return Finding("pad-id", "fail", "config", message)
    if pad == 0:
        return Finding("pad-id", "pass", "config", "padding id 0, as gliner2 pads")
    tokenizer = tokenizer_of(case)
    token = tokenizer.convert_ids_to_tokens(0) if tokenizer is not None else "?"
    message = f"padding id {pad}; gliner2 pads with 0, here {token!r}, which the mask hides"
    return Finding("pad-id", "warn", "config", message)


def embedding_resize(case: CheckCase) -> Finding:
    """Compare the table's rows with the tokenizer's ids, markers included."""
    from encswap.gliner import model as gliner

    code = "embedding-resize"
    tokenizer, rows = tokenizer_of(case), case.candidate.config.get("vocab_size")
    if tokenizer is None or not isinstance(rows, int):
        return Finding(code, "skip", "config", "no tokenizer, or no vocab_size")
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        message = f"the tokenizer gives id {highest:,}, the table has {rows:,} rows"
        return Finding(code, "fail", "config", message)
    grown = copy.deepcopy(tokenizer)
    try:
        needed = max(gliner.add_markers(grown).values()) + 1
    except EncswapError:
        return Finding(code, "skip", "config", "the markers cannot be added")
    message = (
        f"{rows:,} rows for {len(tokenizer):,} tokens, {needed:,} rows needed with the markers"
    )
    if len(grown) < rows:
        message += f"; resizing to {len(grown):,} would drop rows, so the table is kept"
    evidence = {"rows": rows, "tokens": len(tokenizer), "needed": needed}
    return Finding(code, "pass", "config", message, None, evidence)


SOME_UNKNOWN, MOST_UNKNOWN = 0.02, 0.2
MANY_SUBTOKENS = 3.0
Span = tuple[int, int]


@dataclass(frozen=True)
class Quality:
    """Shares over the words of a sample; a word stands between white space.

    `subtokens_per_word` is a mean. `single_character`: of all pieces, those of one letter.
    `unknown`: of all words, those with an unknown piece. `mentions_cut`: of all mentions, those
    with a piece across their edge. `edges_crossed`: of the units' edges inside words, those that
    a piece crosses; a particle begins at such an edge.
    """

    words: int
    subtokens_per_word: float
    single_character: float
    unknown: float
    mentions_cut: float | None
    edges_crossed: float | None
    worst: tuple[tuple[str, str], ...] = field(default=())


def measure(
    tokenizer: PreTrainedTokenizerFast,
    examples: Iterable[Example],
    splitter: WordSplitter | None = None,
) -> Quality:
    """Measure how a tokenizer cuts the words of examples."""
    pieces = singles = unknown = cut = mentions = crossed = edges = 0
    finest: dict[str, int] = {}
    words = 0
    for example in examples:
        spans = [span for _, span in _words(example.text)]
        cutting = _pieces(tokenizer, [example.text[a:b] for a, b in spans])
        inner: set[int] = set()
        for (start, _end), found in zip(spans, cutting, strict=True):
            word = example.text[start:_end]
            words += 1
            pieces += len(found.spans)
            singles += sum(1 for a, b in found.spans if b - a == 1 and word[a:b].isalpha())
            unknown += found.unknown
            finest[word] = len(found.spans)
            for a, b in found.spans:
                inner.update(range(start + a + 1, start + b))
        starts = {span[0] for span in spans}
        for mention in example.mentions:
            mentions += 1
            cut += mention.start in inner or mention.end in inner
        if splitter is not None:
            inside = [a for _, a, _ in splitter(example.text, True) if a not in starts]
            edges += len(inside)
            crossed += sum(1 for edge in inside if edge in inner)
    worst = sorted(finest, key=lambda word: (-finest[word] / max(len(word), 1), word))[:5]
    return Quality(
        words=words,
        subtokens_per_word=pieces / words if words else 0.0,
        single_character=singles / pieces if pieces else 0.0,
        unknown=unknown / words if words else 0.0,
        mentions_cut=cut / mentions if mentions else None,
        edges_crossed=crossed / edges if edges else None,
        worst=tuple((word, " ".join(tokenizer.tokenize(word))) for word in worst),
    )


@dataclass(frozen=True)
class _Cut:
    spans: Sequence[Span]
    unknown: bool


def _words(text: str) -> Iterator[tuple[str, Span]]:
    place = 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        yield word, (start, place)


def _pieces(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> list[_Cut]:
    if not words:
        return []
    encoded = tokenizer(
        list(words), add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    unknown = tokenizer.unk_token_id
    return [
        _Cut([(int(a), int(b)) for a, b in offsets], unknown is not None and unknown in ids)
        for offsets, ids in zip(encoded["offset_mapping"], encoded["input_ids"], strict=True)
    ]


def tokenizer_quality(case: CheckCase) -> Finding:
    """Measure the candidate's tokenizer, and the base's beside it."""
    code = "tokenizer-quality"
    tokenizer = tokenizer_of(case)
    examples = case.context.examples[:SAMPLE]
    if tokenizer is None or not examples:
        missing = "no tokenizer" if tokenizer is None else "no text to look at; give --data"
        return Finding(code, "skip", "config", missing)
    splitter = splitter_of(case)
    mine = measure(tokenizer, examples, splitter)
    theirs = _of_base(case)
    evidence: dict[str, Any] = asdict(mine)
    evidence["base"] = asdict(theirs) if theirs else None
    evidence["shown"] = {
        word: {"candidate": tokenizer.tokenize(word), "base": _base_cut(case, word)}
        for word in case.context.words
    }
    status: Status = "pass"
    if mine.unknown > MOST_UNKNOWN:
        status = "fail"
    elif mine.unknown > SOME_UNKNOWN or mine.subtokens_per_word > MANY_SUBTOKENS:
        status = "warn"
    return Finding(code, status, "config", _told(mine, theirs, evidence["shown"]), None, evidence)


def _told(mine: Quality, theirs: Quality | None, shown: dict[str, Any]) -> str:
    def pair(key: str, how: str) -> str:
        values = [getattr(one, key) for one in (mine, theirs) if one is not None]
        texts = ["–" if value is None else format(value, how) for value in values]
        return texts[0] + (f" (base {texts[1]})" if len(texts) > 1 else "")

    parts = [
        f"{pair('subtokens_per_word', '.2f')} subtokens a word",
        f"{pair('single_character', '.1%')} single letters",
        f"{pair('unknown', '.1%')} of words with an unknown piece",
        f"{pair('mentions_cut', '.1%')} of mentions cut",
        f"{pair('edges_crossed', '.1%')} of inner unit edges crossed",
    ]
    parts += [f"{word} → {' '.join(cuts['candidate'])}" for word, cuts in shown.items()]
    return ", ".join(parts)


def _of_base(case: CheckCase) -> Quality | None:
    if case.base_source is None:
        return None
    return _base_quality(case.base_source.path, case.context.examples, splitter_of(case))


@by_identity()
def _base_quality(
    folder: Path, examples: tuple[Example, ...], splitter: WordSplitter | None
) -> Quality | None:
    try:
        return measure(tokenizer_at(folder), examples[:SAMPLE], splitter)
    except EncswapError:
        return None


def _base_cut(case: CheckCase, word: str) -> list[str] | None:
    if case.base_source is None:
        return None
    try:
        cut: list[str] = tokenizer_at(case.base_source.path).tokenize(word)
    except EncswapError:
        return None
    return cut
