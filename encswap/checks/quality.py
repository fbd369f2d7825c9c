"""How a tokenizer cuts real text: candidate beside base, with the worst words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.checks.evidence import Case
from encswap.checks.memo import by_identity
from encswap.checks.tokenizers import SAMPLE, splitter_of, tokenizer_at, tokenizer_of
from encswap.domain import Example, Finding, Status, WordSplitter
from encswap.errors import EncswapError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

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


def tokenizer_quality(case: Case) -> Finding:
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


def _of_base(case: Case) -> Quality | None:
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


def _base_cut(case: Case, word: str) -> list[str] | None:
    if case.base_source is None:
        return None
    try:
        cut: list[str] = tokenizer_at(case.base_source.path).tokenize(word)
    except EncswapError:
        return None
    return cut
