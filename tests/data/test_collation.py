"""What coverage counts is what gliner2's own collation hands to the span head."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter, gliner_text, measure_coverage
from encswap.plugins import load_plugins
from encswap.types import Example, Mention, labels_of

KLUE = Path(__file__).parents[3] / "shared" / "data" / "klue-ner-v1.1_dev.tsv"


def processor_with(splitter: Any) -> Any:
    """Build gliner2's processor around a tokenizer that knows no word at all."""
    from gliner2.processor import SamplingConfig, SchemaTransformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]")),
        unk_token="[UNK]",
        pad_token="[PAD]",
    )
    sampling = SamplingConfig(synthetic_entity_label_prob=0.0)
    return SchemaTransformer(tokenizer=tokenizer, sampling_config=sampling, word_splitter=splitter)


def widths_at_the_head(processor: Any, example: Example) -> list[int]:
    """List the widths of the gold whose label covers exactly its characters."""
    labels = labels_of([example])
    gold = [one for label in labels for one in example.mentions if one.label == label]
    entities = {
        label: [
            {"text": one.text, "start": one.start, "end": one.end}
            for one in gold
            if one.label == label
        ]
        for label in labels
    }
    batch = processor.collate_fn_train([(example.text, {"entities": entities})])
    starts, ends = batch.start_mappings[0], batch.end_mappings[0]
    ((_, (fields,)),) = batch.structure_labels[0]
    spans = [span for spans in fields for span in spans]
    widths = []
    for mention, (first, last) in zip(gold, spans, strict=True):
        covered = gliner_text(example.text)[starts[first] : ends[last]]
        begin = mention.start + mention.text.index(mention.text.strip())
        if covered == mention.text.strip() and starts[first] == begin:
            widths.append(last - first + 1)
    return widths


def assert_agree(examples: list[Example], name: str) -> None:
    splitter = CachedSplitter(load_plugins().splitter(name))
    splitter.prepare(example.text for example in examples)
    processor = processor_with(splitter)
    marked = (example for example in examples if example.mentions)
    reached = Counter(width for one in marked for width in widths_at_the_head(processor, one))
    coverage = measure_coverage(examples, splitter)
    assert coverage.widths == dict(sorted(reached.items()))


def sample() -> list[Example]:
    marked = [
        ("<당뇨병>을 앓던 <제2형 당뇨병성 신증> 환자가 <메트포르민>과 <인슐린>을 맞았다", "D"),
        ("<COVID-19>로 입원해 <CA 19-9>와 <HbA1c>가 <7.2%>였다.", "B"),
        ("< 고혈압>, 당<뇨>병, https://a.kr/<암>", "D"),
        ("<위암>", "D"),
        ("😀 <간암>은 👩‍⚕️에게 맡겼다. 그리고\n<폐 렴>도!", "D"),
    ]
    return [unmarked(str(at), text, label) for at, (text, label) in enumerate(marked)]


def unmarked(ident: str, marked: str, label: str) -> Example:
    text, spans = "", []
    for char in marked:
        if char == "<":
            spans.append([len(text)])
        elif char == ">":
            spans[-1].append(len(text))
        else:
            text += char
    gold = tuple(Mention(start, end, label, text[start:end]) for start, end in spans)
    return Example(ident, text, gold)


@pytest.mark.parametrize("name", ["whitespace", "char", "kiwi"])
def test_coverage_agrees_with_collation(name: str) -> None:
    if name == "kiwi":
        pytest.importorskip("kiwipiepy")
    assert_agree(sample(), name)


@pytest.mark.slow
@pytest.mark.skipif(not KLUE.exists(), reason="KLUE-NER is not at hand")
def test_coverage_of_klue_agrees_with_collation_and_is_high() -> None:
    pytest.importorskip("kiwipiepy")
    examples = read_examples(KLUE)
    assert_agree(examples, "kiwi")
    coverage = measure_coverage(examples, load_plugins().splitter("kiwi"))
    assert coverage.mentions == 14_257
    assert coverage.aligned_share >= 0.98
    assert coverage.share(12) >= 0.98
