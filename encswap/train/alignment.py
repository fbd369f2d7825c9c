"""An affine map from a new encoder's vectors to the base's, folded into the heads that read them.

A head whose first layer is linear takes the map exactly: A(Wh + b) + a is (AW)h + (Ab + a). The
counting layer cannot: its recurrent unit carries the query elementwise from step to step, and
gliner2's classes have no place for a matrix there. What reads its result is refitted instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.check.weights import solve_ridge
from encswap.data.input import find_data
from encswap.data.readers import options_of, read_texts
from encswap.data.windows import cut
from encswap.errors import InputError, SwapError
from encswap.evaluate.prompts import text_budget
from encswap.gliner.batches import collate, subtoken_counter
from encswap.gliner.schema import EntitySchema, schema_for
from encswap.gliner.scoring import encode_words
from encswap.recipe import Recipe
from encswap.train.distillation import distill
from encswap.types import Example, Unwatched, Watcher, WordSplitter, labels_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

EXACT = (
    "span_rep.span_rep_layer.project_start.0",
    "span_rep.span_rep_layer.project_end.0",
    "count_pred.0",
    "classifier.0",
)
STRENGTH = 1e-2
STEPS = 5
QUERIES = 2000


@dataclass(frozen=True)
class AffineMap:
    """Maps vectors (…, in) to `weight` · x + `bias`, of shape (…, out)."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Apply the map."""
        return vectors @ self.weight.T + self.bias


def fit_ridge(source: torch.Tensor, target: torch.Tensor, strength: float = STRENGTH) -> AffineMap:
    """Least squares from source (n, in) to target (n, out), centred, with an L2 penalty.

    The penalty is `strength` times the source's mean variance, for each of the n vectors.
    """

    x, y, centre, goal = _centred(source, target)
    return _affine(solve_ridge(x, y, strength).T, centre, goal, source)


def fit_procrustes(source: torch.Tensor, target: torch.Tensor) -> AffineMap:
    """The rotation or reflection nearest to source → target, centred (Schönemann, 1966)."""
    import torch

    x, y, centre, goal = _centred(source, target)
    left, _, right = torch.linalg.svd(y.T @ x)
    return _affine(left @ right, centre, goal, source)


def _centred(*pair: torch.Tensor) -> tuple[torch.Tensor, ...]:
    source, target = (one.detach().double() for one in pair)
    means = source.mean(dim=0), target.mean(dim=0)
    return source - means[0], target - means[1], *means


def _affine(
    weight: torch.Tensor, centre: torch.Tensor, goal: torch.Tensor, like: torch.Tensor
) -> AffineMap:
    return AffineMap(weight.to(like.dtype), (goal - weight @ centre).to(like.dtype))


def unexplained(fitted: AffineMap, source: torch.Tensor, target: torch.Tensor) -> float:
    """The share of the target's variance that the map leaves: 0 is exact, 1 no better than mean."""
    left = (fitted(source) - target).square().sum()
    return float(left / (target - target.mean(dim=0)).square().sum().clamp_min(1e-12))


def fold(model: PreTrainedModel, fitted: AffineMap, vectors: torch.Tensor) -> float:
    """Make the heads read the map's result from the encoder's vectors, in place.

    `vectors` (n, hidden) are the new encoder's, to refit the counting layer on. Returns what the
    refit leaves unexplained. Raises `SwapError` for a head of another architecture.
    """
    import torch

    refuse_other_heads(model)
    with torch.no_grad():
        for name in EXACT:
            fold_linear(model.get_submodule(name), fitted)
        return _refit_counting(model.count_embed, fitted, vectors[:QUERIES])


def refuse_other_heads(model: PreTrainedModel) -> None:
    """Refuse a model whose heads are not those of gliner2's span architecture."""
    if model.config.architecture != "span":
        raise SwapError(
            f"a map cannot be folded into a {model.config.architecture} head",
            hint="choose alignment phase",
        )


def fold_linear(layer: Any, fitted: AffineMap, columns: slice = slice(None)) -> None:
    """Let a linear layer apply the map first to the inputs in `columns`."""
    part = layer.weight[:, columns].clone()
    layer.bias += part @ fitted.bias
    layer.weight[:, columns] = part @ fitted.weight


def _refit_counting(counting: Any, fitted: AffineMap, vectors: torch.Tensor) -> float:
    """Refit what reads the counting layer's recurrent unit, whose state is the query itself."""
    read, meant = (_steps(counting, one) for one in (vectors, fitted(vectors)))
    second = fit_ridge(_flat(read), _flat(meant))
    judged = fit_ridge(_others(read), _others(meant))
    left = unexplained(judged, _flat(read)[::5], _flat(meant)[::5])
    for layer, columns in _readers(counting):
        fold_linear(layer, second, columns)
    if hasattr(counting, "projector"):
        fold_linear(counting.projector[0], fitted, slice(vectors.shape[1], None))
    if hasattr(counting, "w1"):
        counting.b1 += second.bias @ counting.w1
        counting.w1.copy_(second.weight.T @ counting.w1)
    return left


def _others(vectors: torch.Tensor) -> torch.Tensor:
    """All vectors but every fifth, which judge."""
    import torch

    flat = _flat(vectors)
    return flat[torch.arange(len(flat)) % 5 > 0]


def _flat(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.reshape(-1, vectors.shape[-1])


def _steps(counting: Any, queries: torch.Tensor) -> torch.Tensor:
    """What the layer behind the recurrent unit reads in its first steps: (steps, n, hidden)."""
    places = counting.pos_embedding.weight[:STEPS, None].expand(-1, len(queries), -1)
    states: torch.Tensor = counting.gru(places, queries)
    return states + queries if hasattr(counting, "transformer") else states


def _readers(counting: Any) -> Iterator[tuple[Any, slice]]:
    """The linear layers that read the recurrent unit's result, and in which of their columns."""
    width = counting.hidden_size if hasattr(counting, "hidden_size") else counting.gru.hidden_size
    if hasattr(counting, "transformer"):
        yield counting.transformer.in_projector, slice(None)
        yield counting.transformer.out_projector[0], slice(-width, None)
    elif hasattr(counting, "projector"):
        yield counting.projector[0], slice(0, width)
    else:
        yield counting.router[0], slice(None)


KEEP_HEADS = ("surgical", "lora")
BATCH = 8


@dataclass(frozen=True)
class TeacherPair:
    """A swapped model and its base, with the texts and the question that both are given."""

    model: PreTrainedModel
    base: PreTrainedModel
    texts: tuple[str, ...]
    asked: EntitySchema

    def vectors(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors of the same words, the model's and the base's, without gradients."""
        splitter = self.model.processor.word_splitter
        ours, theirs = (
            _gathered(one, texts, self.asked, splitter) for one in (self.model, self.base)
        )
        return ours, theirs


def refuse_alignment(recipe: Recipe) -> None:
    """Refuse to align an encoder that is the base's own, or with heads that are not kept."""
    if recipe.alignment != "none" and recipe.strategy == "keep":
        raise InputError(
            f"alignment {recipe.alignment} brings a new encoder to the base's, strategy keep has "
            "none",
            hint=f"choose --strategy {' or '.join(KEEP_HEADS)}, or alignment none",
        )
    if recipe.alignment != "none" and recipe.strategy not in KEEP_HEADS:
        raise InputError(
            f"alignment {recipe.alignment} needs kept heads, strategy {recipe.strategy} has new "
            "ones",
            hint=f"choose --strategy {' or '.join(KEEP_HEADS)}, or alignment none",
        )


def align_encoder(
    recipe: Recipe,
    model: PreTrainedModel,
    base: PreTrainedModel,
    examples: Sequence[Example],
    asked: EntitySchema,
    *,
    watcher: Watcher | None = None,
) -> tuple[str, ...]:
    """Align in place as the recipe says, on the first of the examples; returns remarks.

    Units are those of the model's splitter, for both encoders. Raises `InputError` or `SwapError`
    where there is nothing to align by.
    """
    refuse_alignment(recipe)
    if recipe.alignment == "none":
        return ()
    watcher = watcher or Unwatched()
    watcher.stage("align")
    chosen = examples_to_align(recipe, examples)
    texts = shared_texts(model, base, chosen, asked, recipe.max_length)
    if recipe.alignment == "distill":
        labels = list(dict.fromkeys([*labels_of(chosen), *asked.labels]))
        return (distill(recipe, model, base, texts, labels, watcher=watcher),)
    pair = TeacherPair(model, base, tuple(texts), asked)
    if recipe.alignment == "phase":
        return (_pull(recipe, pair, watcher),)
    refuse_other_heads(model)
    return (_map(recipe.alignment, pair),)


def examples_to_align(recipe: Recipe, examples: Sequence[Example]) -> list[Example]:
    """The first of the training documents, or those of the file that `alignment_texts` names.

    Raises `InputError` where the file is missing, broken, or holds fewer than two texts.
    """
    if isinstance(recipe.alignment_texts, int):
        return list(examples[: recipe.alignment_texts])
    path = find_data(recipe.alignment_texts)
    found = read_texts(path, options_of(recipe))
    if len(found) < 2:
        raise InputError(
            f"holds {len(found)} texts, alignment needs 2", where=path, hint="write one a line"
        )
    return found


def shared_texts(
    model: PreTrainedModel,
    base: PreTrainedModel,
    examples: Sequence[Example],
    asked: EntitySchema,
    max_length: int,
) -> list[str]:
    """Cut documents into texts that both encoders take."""
    counters = [subtoken_counter(one) for one in (model, base)]
    budget = min(text_budget(one, asked, max_length) for one in (model, base))
    return [
        window.example.text
        for example in examples
        for window in cut(
            example,
            splitter=model.processor.word_splitter,
            count=lambda unit: max(count(unit) for count in counters),
            budget=budget,
        )
    ]


def word_vectors(
    model: PreTrainedModel, texts: Sequence[str], asked: EntitySchema, splitter: WordSplitter
) -> torch.Tensor:
    """Vectors (n, hidden) of the first subtoken of each unit, as gliner2 reads them."""
    import torch

    own = model.processor.word_splitter
    model.processor.word_splitter = splitter
    try:
        schema = schema_for(asked.labels, descriptions=asked.descriptions)
        batch = collate(model, [(text, schema) for text in texts], training=False)
        words, _ = encode_words(model, batch.to(next(model.parameters()).device))
    finally:
        model.processor.word_splitter = own
    return torch.cat(list(words)).float()


def _gathered(
    model: PreTrainedModel, texts: Sequence[str], asked: EntitySchema, splitter: WordSplitter
) -> torch.Tensor:
    import torch

    was_training = model.training
    model.eval()
    with torch.inference_mode():
        found = [word_vectors(model, part, asked, splitter) for part in _parts(texts)]
    model.train(was_training)
    return torch.cat(found).clone()


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))


def _map(method: str, pair: TeacherPair) -> str:
    """Fit a map in closed form and fold it into the heads; every fifth text judges it."""
    fitting = [text for place, text in enumerate(pair.texts) if place % 5]
    if not fitting:
        raise InputError("too few texts to align by", hint="raise alignment_texts")
    fit = {"ridge": fit_ridge, "procrustes": fit_procrustes}[method]
    ours, theirs = pair.vectors(fitting)
    fitted = fit(ours, theirs)
    left = unexplained(fitted, *pair.vectors(pair.texts[::5]))
    counting = fold(pair.model, fitted, ours)
    return (
        f"heads read the encoder through a map ({method}, fitted on {len(ours)} words) that leaves "
        f"{left:.3f} of the variance of other words; exact in span, class and count heads, "
        f"refitted in the counting layer, where {counting:.3f} of the variance is left"
    )


def _pull(recipe: Recipe, pair: TeacherPair, watcher: Watcher) -> str:
    """Train the encoder alone towards the base's vectors, in units of the base's deviation."""
    import torch

    encoder, splitter = pair.model.encoder, pair.model.processor.word_splitter
    deviation = _gathered(pair.base, pair.texts, pair.asked, splitter).std(dim=0).clamp_min(1e-6)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=recipe.encoder_lr)
    generator = torch.Generator().manual_seed(recipe.seed)
    count, losses = len(pair.texts), []
    was_training = pair.model.training
    pair.model.eval()
    for step in range(recipe.alignment_steps):
        chosen = torch.randint(count, (recipe.batch_size,), generator=generator).tolist()
        part = [pair.texts[place] for place in chosen]
        wanted = _gathered(pair.base, part, pair.asked, splitter)
        ours = word_vectors(pair.model, part, pair.asked, splitter)
        loss = ((ours - wanted) / deviation).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), recipe.max_grad_norm)
        optimizer.step()
        losses.append(float(loss.detach()))
        watcher.step(step + 1, recipe.alignment_steps, losses[-1])
    optimizer.zero_grad(set_to_none=True)
    pair.model.train(was_training)
    return (
        f"the encoder was pulled towards the base's word vectors for {recipe.alignment_steps} "
        f"steps: mean squared difference {losses[0]:.3f} at first, {losses[-1]:.3f} at last"
    )
