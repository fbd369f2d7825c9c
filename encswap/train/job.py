"""One run: what to do, on what, where to, and who watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encswap.domain import Example, Prediction, Source, WordSplitter
from encswap.evaluate.documents import score_documents
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.train.folder import RunFolder
from encswap.train.prepare import Documents, Ready
from encswap.train.progress import Watcher

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Job:
    """One run: what to do, on what, where to, and who watches."""

    recipe: Recipe
    documents: Documents
    ready: Ready
    plugins: Plugins
    folder: RunFolder
    watcher: Watcher
    control: Source | None = None

    def score(
        self,
        model: PreTrainedModel,
        examples: Sequence[Example],
        splitter: WordSplitter | None = None,
    ) -> list[list[Prediction]]:
        """Score documents with a model: candidates of each."""
        return score_documents(
            model,
            examples,
            self.documents.asked,
            splitter or self.ready.splitter,
            max_length=self.recipe.max_length,
        )
