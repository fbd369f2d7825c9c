"""The catalogue: every check of encswap, as the default implementation of `check_compatibility`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from encswap.check import facts as provenance
from encswap.check import facts as resources
from encswap.check import facts as shape
from encswap.check import tokenizer as ceiling
from encswap.check.evidence import CheckCase, gather
from encswap.errors import one_line
from encswap.hookspecs import hookimpl
from encswap.types import DEPTHS, CheckContext, Depth, Finding, Subject


@dataclass(frozen=True)
class Code:
    """One code of the catalogue; `depth` is the first at which it can speak."""

    code: str
    depth: Depth
    looks_at: str
    fails: str
    remedy: str


_ALL = (
    Code(
        "files",
        "config",
        "Whether the candidate's files can be reached and read: config.json above all.",
        "The hub refuses or does not answer, a file is cut off, is no JSON, or holds a size that"
        " no model has. Nothing is allocated because a config says so.",
        "Read the message: it names the file or the answer of the hub. Fetch the files again, or"
        " give a local folder.",
    ),
    Code(
        "architecture",
        "facts",
        "The config class of the candidate beside the class of the base's encoder.",
        "The classes differ. Tensors may still fit (see `hidden-size`); that trained heads carry"
        " over to another class is what the plan denies and nobody has measured.",
        "Choose an encoder of the base's class, bring enough examples for fresh heads, or judge by"
        " `--criteria shape` and let the score decide.",
    ),
    Code(
        "encoder-only",
        "facts",
        "Whether the candidate reads in both directions and has no decoder.",
        "The config is that of a decoder, or of an encoder with a decoder.",
        "Choose a bidirectional encoder.",
    ),
    Code(
        "hidden-size",
        "facts",
        "The width of the token vectors beside the width that the base's heads were made for.",
        "The widths differ, so the heads' tensors do not fit.",
        "Choose an encoder of the same width, or a base of the other size.",
    ),
    Code(
        "layers",
        "facts",
        "The number of layers beside that of the base's encoder.",
        "The numbers differ. No tensor of the heads depends on it; the plan asks for it.",
        "Judge by `--criteria shape` if depth does not matter to you.",
    ),
    Code(
        "token-level",
        "facts",
        "Whether the model is published to give one vector per token or one per text.",
        "The repository is a sentence encoder: a pooling module stands behind the encoder.",
        "The token vectors before the pooling exist, but were not trained to stand alone; choose"
        " the encoder that the sentence model was made from.",
    ),
    Code(
        "complete-model",
        "facts",
        "Whether the repository holds an encoder or a whole extraction model.",
        "It is a whole model with heads and an interface of its own.",
        "Use that model by itself, or take the encoder that it was made from.",
    ),
    Code(
        "training-examples",
        "facts",
        "Where the base's heads cannot be kept: whether there are examples enough to learn new"
        " ones. The number needed stands in the criteria.",
        "There are fewer. With `--data` the examples are counted; else the criteria's own number"
        " is taken.",
        "Bring more examples, or choose an encoder for which the heads can be kept.",
    ),
    Code(
        "positions",
        "facts",
        "How many subtokens the encoder can read at once, and whether its positions are relative.",
        "Its position table is shorter than 512 subtokens: longer input ends in an index error.",
        "Cut documents into shorter windows (encswap does so by the encoder's own limit), or"
        " choose an encoder with a longer table.",
    ),
    Code(
        "resources",
        "facts",
        "Parameters, and the memory that training takes, by part: weights, gradients, Adam's two"
        " moments, activations.",
        "It never fails. It warns where training at batch 8 and 512 subtokens does not fit a"
        " 16 GB T4, or where the encoder is more than a quarter larger than the base's.",
        "Use a smaller batch with accumulation, shorter windows, or a larger device.",
    ),
    Code(
        "licence",
        "facts",
        "The licence that the repository declares.",
        "It never fails. It warns where no licence is declared, or one that excludes commerce.",
        "Ask the authors, or choose another encoder.",
    ),
    Code(
        "revision",
        "facts",
        "Whether the commit of the files is pinned.",
        "It never fails. It warns where the files of tomorrow may be others than today's.",
        "Name the commit: `NAME@REVISION`.",
    ),
    Code(
        "published-score",
        "facts",
        "Scores that others have published. They are shown and never weigh.",
        "It never fails.",
        "Measure on your own data: `encswap train`, `encswap eval`.",
    ),
    Code(
        "remote-code",
        "config",
        "Whether any of the files asks for code that transformers does not ship: `auto_map`,"
        " `attribute_map`, a tokenizer class, a kernel, a pipeline, at any depth of the file.",
        "It does. encswap never runs such code.",
        "Choose an encoder whose class is part of transformers.",
    ),
    Code(
        "outside-files",
        "config",
        "Whether any of the files leads out of the model's own folder: an adapter of another"
        " model, a backbone, a path, a weight index with a path.",
        "It does. encswap reads one repository, and nothing beside it.",
        "Merge an adapter into its model first; put every file into the folder.",
    ),
    Code(
        "weights-format",
        "config",
        "Whether the weights are stored as safetensors.",
        "There are only pickle files, which can run code when they are read; or no weights at all;"
        " or quantised ones.",
        "Convert them to safetensors, or allow that one model by name: `--allow-pickle NAME`.",
    ),
    Code(
        "tokenizer-loads",
        "config",
        "Whether transformers builds a fast tokenizer from the files, and in which way.",
        "No way leads to a tokenizer. It warns where the declared class fails and the plain"
        " tokenizer.json loads.",
        "Add a tokenizer.json, or give the repository's tokenizer files in full.",
    ),
    Code(
        "tokenizer-quality",
        "config",
        "How the tokenizer cuts real text, candidate beside base: subtokens per word, pieces of a"
        " single character, unknown pieces, mentions cut at a wrong place, pieces that cross a"
        " unit's edge. The worst words are listed.",
        "More than a fifth of the words hold an unknown piece. It warns over 2%, and where it cuts"
        " finer than 3 subtokens per word. It weighs in the ranking, not in the verdict.",
        "Choose an encoder whose vocabulary was made for the language.",
    ),
    Code(
        "marker-tokens",
        "config",
        "Whether each of the base's schema tokens can be added as one id, distinct and known.",
        "A marker becomes several ids, the unknown id, or shares an id with another.",
        "Look for a normalizer or an added token in tokenizer.json that rewrites brackets or case.",
    ),
    Code(
        "subtoken-per-unit",
        "config",
        "Whether every unit of the text gives at least one subtoken; the first one stands for it.",
        "A unit vanishes: the words behind it would be read from the wrong vectors.",
        "Look at the tokenizer's normalizer; clean the text of characters that it removes.",
    ),
    Code(
        "pad-id",
        "config",
        "The padding id; gliner2 pads with 0 whatever it is. At `forward`: whether such padding"
        " changes the output of the rows that are real.",
        "The padding changes real rows' output. It warns where the padding id is not 0.",
        "Train at batch size 1, or choose another encoder.",
    ),
    Code(
        "embedding-resize",
        "config",
        "Whether the embedding table has a row for every id of the tokenizer, markers included,"
        " without losing a row.",
        "The tokenizer gives ids beyond the table that cannot be added behind it, or the resized"
        " table has too few rows.",
        "The tokenizer and the config belong to different models; fetch them from one revision.",
    ),
    Code(
        "coverage",
        "facts",
        "With `--data`: the share of gold mentions that the units of a splitter can express, at"
        " each width. It is the ceiling of recall.",
        "Less than half of the mentions can be expressed. It warns under 95%.",
        "Choose a splitter that cuts particles off their nouns, or raise `max_width`.",
    ),
    Code(
        "forward-shape",
        "forward",
        "The real config class with one layer: whether it gives (1, L, hidden) for L subtokens.",
        "It raises, or gives another shape.",
        "Read the message; the class needs inputs that gliner2 does not give.",
    ),
    Code(
        "training-step",
        "forward",
        "One training step of the swapped model: loss and gradients of every group.",
        "The loss or a gradient is not finite, or a group gets no gradient.",
        "Do not train this pair: it would end in an F1 of zero.",
    ),
    Code(
        "round-trip",
        "forward",
        "The swapped model, saved and loaded again with plain gliner2: equal outputs.",
        "The outputs differ by more than 1e-5, or the folder does not load.",
        "Report it: a checkpoint that changes when saved cannot be trusted.",
    ),
    Code(
        "weights-load",
        "weights",
        "The loading report of the full weights: missing, unexpected and mismatched keys, the"
        " dtype, and whether outputs are finite. Only the pooler may be missing.",
        "A weight is missing or misshapen, the file is cut off, or a value is not finite.",
        "Fetch the file again; if it stays so, the repository is broken.",
    ),
    Code(
        "similarity",
        "weights",
        "How alike the candidate's word vectors are to the base's on held-out text: linear CKA,"
        " and the variance that a ridge map explains.",
        "It never fails: it puts a number where the plan has an assumption.",
        "A low number means that the heads have more to relearn.",
    ),
)
CODES = {one.code: one for one in _ALL}


def codes_at(depth: Depth) -> tuple[str, ...]:
    """List the codes that first speak at `depth`."""
    return tuple(one.code for one in _ALL if one.depth == depth)


def reaches(depth: Depth, other: Depth) -> bool:
    """Say whether `depth` is at least as deep as `other`."""
    return DEPTHS.index(depth) >= DEPTHS.index(other)


Check = Callable[[CheckCase], Finding | Iterable[Finding] | None]
FACT_CHECKS: tuple[Check, ...] = (
    shape.architecture,
    shape.encoder_only,
    shape.hidden_size,
    shape.layers,
    shape.token_level,
    shape.complete_model,
    shape.positions,
    resources.resources,
    provenance.licence,
    provenance.revision,
    provenance.published_score,
    ceiling.coverage,
)


@hookimpl(trylast=True)
def check_compatibility(
    base: Subject, candidate: Subject, context: CheckContext
) -> list[Finding] | None:
    """Run the checks of every depth up to the context's, as far as the files are at hand."""
    case = make_case(base, candidate, context)
    findings = list(case.candidate.faults)
    if case.source is None and not case.spec.facts:
        findings.append(Finding("files", "skip", "facts", case.unreachable))
    findings += run_each(FACT_CHECKS, case)
    depths: tuple[Depth, ...] = ("config", "forward", "weights")
    for depth in depths:
        if reaches(context.depth, depth):
            findings += list(deeper(depth, case))
    return findings


def make_case(base: Subject, candidate: Subject, context: CheckContext) -> CheckCase:
    """Gather the evidence of both sides."""
    return CheckCase(
        base_spec=base.spec,
        spec=candidate.spec,
        base=gather(base, context.depth),
        candidate=gather(candidate, context.depth),
        context=context,
        base_source=base.source,
        source=candidate.source,
        unreachable=candidate.unreachable,
    )


def deeper(depth: Depth, case: CheckCase) -> Iterator[Finding]:
    """Run the checks that need files; where there are none, skip them with the reason."""
    needs_own = depth != "forward"
    if case.source is None or (needs_own and case.source.stands_in):
        reason = case.unreachable or "no files at hand"
        for code in codes_at(depth):
            yield Finding(code, "skip", depth, reason)
        return
    if not case.candidate.faults:
        yield from run_each(_checks_of(depth), case)
        return
    # transformers reads config.json for the tokenizer too, and builds what it says.
    spoken = {"files", "remote-code", "outside-files", "weights-format"}
    if depth == "config":
        yield from run_each(_checks_of(depth)[: len(spoken)], case)
    for code in codes_at(depth):
        if code not in spoken:
            yield Finding(code, "skip", depth, "its files cannot be used")


def run_each(checks: Iterable[Check], case: CheckCase) -> Iterator[Finding]:
    """Run checks one by one; one that breaks is a finding and costs only itself."""
    for check in checks:
        try:
            result = check(case)
            if isinstance(result, Finding):
                yield result
            elif result is not None:
                yield from result  # a generator may fail here: what it found before is kept
        except Exception as error:
            code = check.__name__.replace("_", "-")
            text = one_line(error)[:200]
            yield Finding(code, "fail", case.depth, f"could not be judged: {text}")


def _checks_of(depth: Depth) -> tuple[Check, ...]:
    from encswap.check import facts as formats
    from encswap.check import forward, weights
    from encswap.check import tokenizer as quality
    from encswap.check import tokenizer as tokenizers

    if depth == "config":
        return (
            formats.files,
            formats.remote_code,
            formats.outside_files,
            formats.weights_format,
            tokenizers.tokenizer_loads,
            quality.tokenizer_quality,
            tokenizers.marker_tokens,
            tokenizers.subtoken_per_unit,
            tokenizers.pad_id,
            tokenizers.embedding_resize,
        )
    if depth == "forward":
        return (forward.run_forward,)
    return (weights.run_weights,)
