"""Exported models without torch: `encswap.runtime.load(folder).predict(texts)`.

Needs numpy, onnxruntime, tokenizers and what the word splitter needs; imports none of torch,
transformers and gliner2.
"""

from __future__ import annotations

from encswap.runtime.runner import Runner, load

__all__ = ["Runner", "load"]
