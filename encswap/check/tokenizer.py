"""Checks of the tokenizer: whether it loads, how it cuts text, and whether the markers fit."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.check.coverage import by_identity
from encswap.check.declaration import (
    CheckResult,
    MissingPartError,
    check,
    failed,
    passed,
    skipped,
    warned,
)
from encswap.check.evidence import CheckCase
from encswap.errors import EncswapError
from encswap.types import Example, WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SAMPLE = 200
ODD_UNITS = ("\u200b", "\ufeff", "\u00ad", "\ufffd")
SOME_UNKNOWN, MOST_UNKNOWN = 0.02, 0.2
MANY_SUBTOKENS = 3.0
Span = tuple[int, int]


@lru_cache(maxsize=32)
def tokenizer_at(folder: Path) -> PreTrainedTokenizerFast:
    """Load a folder's tokenizer once."""
    from encswap.safety.trusted_classes import load_tokenizer

    return load_tokenizer(folder, folder.name)


def tokenizer_of(case: CheckCase) -> PreTrainedTokenizerFast:
    """The candidate's tokenizer; raises `MissingPartError` where none loads."""
    assert case.source is not None
    try:
        return tokenizer_at(case.source.path)
    except EncswapError as error:
        raise MissingPartError("no tokenizer") from error


@check(
    "tokenizer-loads",
    depth="config",
    looks_at="Whether transformers builds a fast tokenizer from the files, and in which way.",
    fails_when="No way leads to a tokenizer. It warns where the declared class fails and the plain"
    " tokenizer.json loads.",
    remedy="Add a tokenizer.json, or give the repository's tokenizer files in full.",
)
def tokenizer_loads(case: CheckCase) -> CheckResult:
    """Load the tokenizer, and say whether its declared class was of use."""
    assert case.source is not None
    try:
        tokenizer = tokenizer_at(case.source.path)
    except EncswapError as error:
        return failed(f"no tokenizer: {' '.join(error.message.split())[:200]}")
    kind = type(tokenizer.backend_tokenizer.model).__name__
    message = f"{type(tokenizer).__name__}, {kind}, {len(tokenizer):,} tokens"
    evidence = {"model": kind, "length": len(tokenizer), "class": type(tokenizer).__name__}
    if (why := _declared_class_fails(case.source.path)) is not None:
        message += f"; the declared class fails ({why}), tokenizer.json loads without it"
        return warned(message, evidence)
    return passed(message, evidence)


@lru_cache(maxsize=32)
def _declared_class_fails(folder: Path) -> str | None:
    from encswap.safety.trusted_classes import declared_tokenizer

    try:
        declared_tokenizer(folder)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return None


@check(
    "tokenizer-quality",
    depth="config",
    looks_at="How the tokenizer cuts real text, the candidate's and the base's: subtokens per word,"
    " pieces of a single character, unknown pieces, mentions cut at a wrong place, pieces that"
    " cross a unit's edge. The worst words are listed.",
    fails_when="More than a fifth of the words hold an unknown piece. It warns over 2%, and where"
    " it cuts finer than 3 subtokens per word. It weighs in the ranking, not in the verdict.",
    remedy="Choose an encoder whose vocabulary was made for the language.",
)
def tokenizer_quality(case: CheckCase) -> CheckResult:
    """Measure the candidate's tokenizer and the base's on the same words."""
    tokenizer = tokenizer_of(case)
    examples = case.context.examples[:SAMPLE]
    if not examples:
        return skipped("no text to look at; give --data")
    mine = measure(tokenizer, examples, splitter_of(case))
    theirs = _of_base(case)
    cuts = {
        word: {"candidate": tokenizer.tokenize(word), "base": _base_cut(case, word)}
        for word in case.context.words
    }
    evidence = {**asdict(mine), "base": asdict(theirs) if theirs else None, "shown": cuts}
    message = _compared(mine, theirs, cuts)
    if mine.unknown > MOST_UNKNOWN:
        return failed(message, evidence)
    fine = mine.unknown > SOME_UNKNOWN or mine.subtokens_per_word > MANY_SUBTOKENS
    return (warned if fine else passed)(message, evidence)


def _compared(mine: Quality, theirs: Quality | None, shown: dict[str, Any]) -> str:
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


@check(
    "marker-tokens",
    depth="config",
    looks_at="Whether each of the base's schema tokens can be added as one id, distinct and known.",
    fails_when="A marker becomes several ids, the unknown id, or shares an id with another.",
    remedy="Look for a normalizer or an added token in tokenizer.json that rewrites brackets or"
    " case.",
)
def marker_tokens(case: CheckCase) -> CheckResult:
    """Add the base's schema tokens: each must be one id, distinct and known."""
    from encswap.gliner import model as gliner

    tokenizer = tokenizer_of(case)
    if shared := _shared_id(tokenizer, gliner.marker_tokens()):
        return failed(shared)
    try:
        ids = gliner.add_markers(copy.deepcopy(tokenizer))
    except EncswapError as error:
        return failed(error.message)
    lowest, highest = min(ids.values()), max(ids.values())
    message = f"{len(ids)} markers, each one id of its own ({lowest}–{highest})"
    return passed(message, {"ids": dict(ids)})


def _shared_id(tokenizer: PreTrainedTokenizerFast, markers: Sequence[str]) -> str:
    """Name two tokens of one id, a marker among them; a copied tokenizer no longer shows it."""
    numbers = tokenizer.get_vocab()
    for marker in markers:
        same = [token for token, number in numbers.items() if number == numbers.get(marker)]
        if len(same) > 1:
            return f"tokens {' and '.join(sorted(same)[:3])} share the id {numbers[marker]}"
    return ""


@check(
    "subtoken-per-unit",
    depth="config",
    looks_at="Whether every unit of the text gives at least one subtoken; the first one stands for"
    " it.",
    fails_when="A unit vanishes: the words behind it would be read from the wrong vectors.",
    remedy="Look at the tokenizer's normalizer; clean the text of characters that it removes.",
)
def subtoken_per_unit(case: CheckCase) -> CheckResult:
    """Tokenise every unit of the sample, as gliner2 does: lower-cased and alone."""
    tokenizer = tokenizer_of(case)
    units = list(dict.fromkeys(sample_units(case)))
    if not units:
        return skipped("no text to look at; give --data")
    empty = [unit for unit in units if not tokenizer.tokenize(unit)]
    if empty:
        shown = ", ".join(repr(unit) for unit in empty[:5])
        message = f"{len(empty)} of {len(units):,} units give no subtoken: {shown}"
        return failed(message, {"units": empty[:50]})
    odd = [f"U+{ord(unit):04X}" for unit in ODD_UNITS if not tokenizer.tokenize(unit)]
    message = f"all {len(units):,} different units give a subtoken"
    if odd:
        message += f"; a text of nothing but {', '.join(odd)} would give none"
    return passed(message, {"odd": odd})


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


@check(
    "pad-id",
    depth="config",
    looks_at="The padding id; gliner2 pads with 0 whatever it is. At `forward`: whether such"
    " padding changes the output of the rows that are real.",
    fails_when="The padding changes real rows' output. It warns where the padding id is not 0.",
    remedy="Train at batch size 1, or choose another encoder.",
)
def pad_id(case: CheckCase) -> CheckResult:
    """Compare the padding id with the 0 that gliner2 pads with, and with the table."""
    config = case.candidate.config
    pad, rows = config.get("pad_token_id"), config.get("vocab_size")
    if not isinstance(pad, int):
        return passed("no padding id; gliner2 pads with 0, masked")
    if isinstance(rows, int) and not 0 <= pad < rows:
        return failed(f"padding id {pad} is outside the table of {rows:,} rows")
    if pad == 0:
        return passed("padding id 0, as gliner2 pads")
    try:
        first = tokenizer_of(case).convert_ids_to_tokens(0)
    except MissingPartError:
        first = "?"
    return warned(f"padding id {pad}; gliner2 pads with 0, here {first!r}, which the mask hides")


@check(
    "embedding-resize",
    depth="config",
    looks_at="Whether the embedding table has a row for every id of the tokenizer, markers"
    " included, without losing a row.",
    fails_when="The tokenizer gives ids beyond the table that cannot be added behind it, or the"
    " resized table has too few rows.",
    remedy="The tokenizer and the config belong to different models; fetch them from one revision.",
)
def embedding_resize(case: CheckCase) -> CheckResult:
    """Compare the table's rows with the tokenizer's ids, markers included."""
    from encswap.gliner import model as gliner

    tokenizer, rows = tokenizer_of(case), case.candidate.config.get("vocab_size")
    if not isinstance(rows, int):
        return skipped("the config has no vocab_size")
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        return failed(f"the tokenizer gives id {highest:,}, the table has {rows:,} rows")
    grown = copy.deepcopy(tokenizer)
    try:
        needed = max(gliner.add_markers(grown).values()) + 1
    except EncswapError:
        return skipped("the markers cannot be added")
    message = (
        f"{rows:,} rows for {len(tokenizer):,} tokens, {needed:,} rows needed with the markers"
    )
    if len(grown) < rows:
        message += f"; resizing to {len(grown):,} would drop rows, so the table is kept"
    return passed(message, {"rows": rows, "tokens": len(tokenizer), "needed": needed})
