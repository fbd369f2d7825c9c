"""The ONNX graph of a span model: traced by torch, span scoring added, weights made int8."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import EncswapError, SwapError
from encswap.files import scratch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

INPUTS = ("input_ids", "attention_mask", "words", "prompt")
PARTS = ("counts", "starts", "ends", "queries", "bias")
NEEDS = ("onnx", "onnxscript", "onnxruntime")
LARGEST = 1_900_000_000
"""Bytes of weights that one file holds; protobuf's limit is 2 GiB, more goes beside it."""
NOISY = ("torch.onnx", "torch.__trace", "onnxscript", "onnx_ir", None)
"""Loggers that are told nothing while a graph is made; quantization warns on the root logger."""
HEAD_PREFIX = "head."
"""Begins the names of nodes that quantization leaves in float32."""


def require_onnx() -> None:
    """Refuse, in one line, where a package of the extra `onnx` is missing."""
    from importlib.util import find_spec

    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise EncswapError(
            f"exporting needs {', '.join(missing)}", hint='pip install "encswap[onnx]"'
        )


def write_graph(model: PreTrainedModel, path: Path) -> None:
    """Write a model's entity graph as ONNX in float32, every axis dynamic.

    Inputs: `input_ids`, `attention_mask` (batch, tokens), `words` (batch, words), `prompt`
    (1 + labels), `widths` (widths), all int64; `words` is float (batch, words, tokens) where words
    are means of their subtokens. Outputs: `counts` (batch, 20) and `logits` (batch,
    labels, words, widths), where a span that reaches behind the last word has no meaning. Raises
    `SwapError` where the model's head or encoder cannot be exported.
    """
    import onnx

    from encswap.gliner.graph import EntityGraph

    graph = EntityGraph(model).eval()
    with scratch("export") as folder:
        traced = folder / "traced.onnx"
        with _quiet():
            _trace(graph, traced)
        whole = _with_span_scores(onnx.load(str(traced)))
        _save(whole, path)


def _trace(graph: Any, path: Path) -> None:
    """Trace with torch's exporter; the sizes of the example are none that it could take for fixed.

    The program is captured by `torch.export`, so control flow on sizes is an error and never a
    constant.
    """
    import torch

    batch, tokens, words, parts = 2, 19, 7, 4
    mask = torch.ones(batch, tokens, dtype=torch.long)
    means = graph.pooling == "mean"
    example = (
        torch.ones(batch, tokens, dtype=torch.long),
        mask,
        torch.rand(batch, words, tokens) if means else torch.arange(words).repeat(batch, 1),
        torch.arange(1, 1 + parts),
    )
    dim = torch.export.Dim
    b, t = dim("batch", min=1, max=65_535), dim("tokens", min=4, max=65_535)
    w, p = dim("words", min=1, max=65_535), dim("parts", min=2, max=65_535)
    try:
        torch.onnx.export(
            graph,
            example,
            str(path),
            input_names=list(INPUTS),
            output_names=list(PARTS),
            dynamo=True,
            dynamic_shapes=(
                {0: b, 1: t},
                {0: b, 1: t},
                {0: b, 1: w, 2: t} if means else {0: b, 1: w},
                {0: p},
            ),
            external_data=True,
            verbose=False,
        )
    except Exception as error:
        what = " ".join(str(error).split())[:300]
        raise SwapError(
            f"torch cannot export {type(graph.encoder).__name__} to ONNX: "
            f"{type(error).__name__}: {what}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress, notices and warnings to itself."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _with_span_scores(model: Any) -> Any:
    """Add the scan over widths that turns the traced parts into span logits.

    One width at a time, so that memory is that of the words and not of all spans: (batch, words,
    features) instead of (batch, words, widths, features).
    """
    from onnx import TensorProto, helper

    graph = model.graph
    int64, float32 = TensorProto.INT64, TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Add", ["head.places", "width"], ["shifted"], "head.shift"),
            helper.make_node("Min", ["shifted", "head.last"], ["inside"], "head.clip"),
            helper.make_node("Gather", ["ends", "inside"], ["end"], "head.end", axis=1),
            helper.make_node("Add", ["starts", "end"], ["sum"], "head.sum"),
            helper.make_node("Relu", ["sum"], ["hidden"], "head.relu"),
            helper.make_node("MatMul", ["hidden", "head.folded"], ["product"], "head.score"),
            helper.make_node("Add", ["product", "head.bias"], ["scores"], "head.offset"),
        ],
        "one_width",
        [helper.make_tensor_value_info("width", int64, [])],
        [helper.make_tensor_value_info("scores", float32, ["batch", "words", "labels"])],
    )
    constants = [
        helper.make_tensor("head.zero", int64, [], [0]),
        helper.make_tensor("head.one", int64, [], [1]),
        helper.make_tensor("head.axis", int64, [1], [1]),
    ]
    # `end` of Shape counts from the front: 1 to 2 is the number of words alone.
    nodes = [
        helper.make_node("Shape", ["starts"], ["head.shape"], "head.shape", start=1, end=2),
        helper.make_node("Squeeze", ["head.shape"], ["head.words"], "head.words"),
        helper.make_node("Sub", ["head.words", "head.one"], ["head.last"], "head.last"),
        helper.make_node(
            "Range", ["head.zero", "head.words", "head.one"], ["head.places"], "head.places"
        ),
        helper.make_node("Transpose", ["queries"], ["head.folded"], "head.fold", perm=[0, 2, 1]),
        helper.make_node("Unsqueeze", ["bias", "head.axis"], ["head.bias"], "head.bias"),
        helper.make_node(
            "Scan", ["widths"], ["head.scanned"], "head.scan", body=body, num_scan_inputs=1
        ),
        helper.make_node("Transpose", ["head.scanned"], ["logits"], "head.out", perm=[1, 3, 2, 0]),
    ]
    graph.initializer.extend(constants)
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("widths", int64, ["widths"]))
    kept = [one for one in graph.output if one.name == "counts"]
    del graph.output[:]
    graph.output.extend(kept)
    shape = ["batch", "labels", "words", "widths"]
    graph.output.append(helper.make_tensor_value_info("logits", float32, shape))
    return model


def _save(model: Any, path: Path) -> None:
    import onnx

    size = sum(one.ByteSize() for one in model.graph.initializer)
    if size > LARGEST:
        onnx.save_model(
            model,
            str(path),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=f"{path.name}.data",
        )
    else:
        onnx.save_model(model, str(path))
    onnx.checker.check_model(str(path))


def write_int8(source: Path, target: Path) -> None:
    """Write a graph whose matrices are int8, activations quantized as they come.

    Dynamic quantization of matrix products by output channel, weights of 7 bits: with 8, processors
    without VNNI saturate (onnxruntime's documentation of quantization). Embeddings stay in float32,
    they cost no time; so does the count head, which decides over whole texts, and what is asked.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(str(source), load_external_data=False)
    beside = source.with_name(f"{source.name}.data")
    size = source.stat().st_size + (beside.stat().st_size if beside.is_file() else 0)
    with _quiet():
        quantize_dynamic(
            str(source),
            str(target),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in model.graph.node if _stays_float(node)],
            use_external_data_format=size > LARGEST,
            # Of products of two activations it would make int8 ones that cost more than they save.
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1},
        )


def _stays_float(node: Any) -> bool:
    """Whether a node is of the count head, the queries or the scan; torch records its module."""
    places = [one.value for one in node.metadata_props if one.key == "namespace"]
    kept = ("/count_", "EntityGraph/matmul")
    return node.name.startswith(HEAD_PREFIX) or any(part in one for one in places for part in kept)
