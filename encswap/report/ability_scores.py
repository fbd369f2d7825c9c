"""What a model can do besides its labels, as a report shows it: tasks, held-out labels, retention.

The numbers come from `metrics.json`, also of other versions: what one does not record is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from encswap.report.run_results import Run
from encswap.report.scores import number_of, span
from encswap.report.texts import Texts

STAGES = ("base", "swapped", "tuned")


@dataclass(frozen=True)
class AbilityScore:
    """One number with its interval; `name` is what it is of, `measure` the key of what it is."""

    name: str
    measure: str
    value: float | None
    interval: tuple[float, float] | None
    support: int | None

    @property
    def shown(self) -> str:
        """The number with its interval; a dash where nothing was measured."""
        if self.value is None or self.support == 0:
            return "–"
        return f"{self.value:.3f}{span(self.interval, ' ({}–{})')}"


@dataclass(frozen=True)
class AbilitySection:
    """A section of a report: rows whose first is the head, and lines about them.

    The first `words` columns hold words, the others numbers.
    """

    name: str
    rows: list[list[str]]
    lines: tuple[str, ...] = ()
    words: int = 1


def ability_sections(run: Run, texts: Texts) -> list[AbilitySection]:
    """The sections that the run's numbers fill, in the order in which they are shown."""
    found = (_tasks, _held_out, _retention, _average)
    return [one for build in found if (one := build(run, texts)) is not None]


def _tasks(run: Run, texts: Texts) -> AbilitySection | None:
    scores = _scores(_mapping(run.metrics.get("tasks")), texts)
    if not scores:
        return None
    before = {stage: _scores(_baseline(run, stage, "tasks"), texts) for stage in BEFORE}
    return _compared("tasks", scores, before, texts, (texts("tasks_note"),))


def _held_out(run: Run, texts: Texts) -> AbilitySection | None:
    scores = _labels(_mapping(run.metrics.get("held_out")), texts)
    if not scores:
        return None
    before = {stage: _labels(_baseline(run, stage, "held_out"), texts) for stage in BEFORE}
    return _compared("held_out", scores, before, texts, (texts("held_out_note"),))


BEFORE = ("base", "before_training")


def _baseline(run: Run, stage: str, key: str) -> Mapping[str, Any]:
    return _mapping(_mapping(_mapping(run.metrics.get("baselines")).get(stage)).get(key))


def _compared(
    name: str,
    scores: list[AbilityScore],
    before: Mapping[str, list[AbilityScore]],
    texts: Texts,
    lines: tuple[str, ...],
) -> AbilitySection:
    """Scores beside those of the base and of the model before training, where these are known."""
    known = {stage: _by_name(found) for stage, found in before.items() if found}
    head = ["ability", "measure", "this_model", "gold_count", *(f"stage_{one}" for one in known)]
    rows = [[texts(key) for key in head]]
    for one in scores:
        earlier = [found.get((one.name, one.measure)) for found in known.values()]
        rows.append(
            [
                one.name,
                texts(one.measure),
                one.shown,
                "–" if one.support is None else str(one.support),
                *("–" if old is None else old.shown for old in earlier),
            ]
        )
    return AbilitySection(name, rows, lines, 2)


def _retention(run: Run, texts: Texts) -> AbilitySection | None:
    found = _mapping(run.metrics.get("retention"))
    rows: list[list[str]] = []
    stages = [
        stage
        for stage in STAGES
        if any(stage in _mapping(_mapping(one).get("models")) for one in _sets(found).values())
    ]
    for name, one in _sets(found).items():
        models = _mapping(_mapping(one).get("models"))
        scores = [_by_name(_kept(_mapping(models.get(stage)), texts)) for stage in stages]
        for ability, measure in dict.fromkeys(key for each in scores for key in each):
            cells = (each.get((ability, measure)) for each in scores)
            shown = ["–" if cell is None else cell.shown for cell in cells]
            rows.append([_short(name), ability, texts(measure), *shown])
    if not rows:
        return None
    head = ["retention_set", "ability", "measure", *(f"stage_{one}" for one in stages)]
    lines = [_sentence(found, texts), texts("retention_note")]
    return AbilitySection(
        "retention", [[texts(key) for key in head], *rows], tuple(filter(None, lines)), 3
    )


def _sets(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(found.get("sets"))


def _short(name: str) -> str:
    """A set's name; of a file of the user's the last part."""
    return name.rstrip("/").rpartition("/")[2] or name


def _sentence(found: Mapping[str, Any], texts: Texts) -> str:
    """Say in one sentence what was lost, by the changes from the first model to the last."""
    parts = []
    compared = False
    for name, one in _sets(found).items():
        for task, change in _mapping(_mapping(one).get("changes")).items():
            old, new = (number_of(_mapping(change).get(key)) for key in ("before", "after"))
            if old is None or new is None or f"fell_{task}" not in texts.words:
                continue
            compared = True
            if new < old:
                told = texts(f"fell_{task}", set=_short(name))
                parts.append(f"{told} {old:.3f} → {new:.3f}")
    if not compared:
        return ""
    return texts("fell", scores=", ".join(parts)) if parts else texts("none_fell")


def _average(run: Run, texts: Texts) -> AbilitySection | None:
    found = _mapping(run.metrics.get("average_with_start"))
    share, tried = number_of(found.get("share")), found.get("tried")
    if share is None or not isinstance(tried, list | tuple):
        return None
    rows = [[texts("start_share"), texts("dev_score"), ""]]
    for one in map(_mapping, tried):
        at, score = number_of(one.get("share")), number_of(one.get("dev_f1"))
        if at is not None and score is not None:
            rows.append([f"{at:g}", f"{score:.3f}", texts("chosen") if at == share else ""])
    line = texts("average_kept", share=f"{share:.0%}") if share else texts("average_none")
    return AbilitySection("average", rows, (line,))


def _kept(scores: Mapping[str, Any], texts: Texts) -> list[AbilityScore]:
    entities = _mapping(_mapping(scores.get("entities")).get("micro"))
    found = [_score(texts("entities"), "f1", entities)] if entities else []
    return [*found, *_scores(scores, texts)]


def _labels(found: Mapping[str, Any], texts: Texts) -> list[AbilityScore]:
    per_label = _mapping(found.get("per_label"))
    rows = [_score(name, "f1", _mapping(one)) for name, one in per_label.items()]
    if len(rows) > 1:
        rows.append(_score(texts("all_labels"), "f1", _mapping(found.get("micro"))))
    return rows


def _scores(tasks: Mapping[str, Any], texts: Texts) -> list[AbilityScore]:
    """The scores of classifications, relations and structures."""
    return [*_classifications(tasks), *_relations(tasks, texts), *_structures(tasks, texts)]


def _classifications(tasks: Mapping[str, Any]) -> Iterator[AbilityScore]:
    for name, one in _mapping(tasks.get("classifications")).items():
        one = _mapping(one)  # noqa: PLW2901
        yield _score(name, "accuracy", one, "accuracy", "accuracy_interval")
        yield _score(name, "macro_f1", one, "macro_f1")


def _relations(tasks: Mapping[str, Any], texts: Texts) -> Iterator[AbilityScore]:
    found = _mapping(tasks.get("relations"))
    for name, one in _mapping(found.get("per_relation")).items():
        yield _score(name, "strict_f1", _mapping(one))
    if len(_mapping(found.get("per_relation"))) > 1:
        yield _score(texts("all_relations"), "strict_f1", _mapping(found.get("micro")))


def _structures(tasks: Mapping[str, Any], texts: Texts) -> Iterator[AbilityScore]:
    found = _mapping(tasks.get("structures"))
    parts = {name: _mapping(one) for name, one in _mapping(found.get("per_field")).items()}
    if len(parts) > 1:
        parts[texts("all_fields")] = found
    for name, one in parts.items():
        for measure in ("exact", "partial"):
            yield _score(name, f"{measure}_f1", _mapping(one.get(measure)))


def _score(
    name: str,
    measure: str,
    numbers: Mapping[str, Any],
    key: str = "f1",
    interval: str = "interval",
) -> AbilityScore:
    support = number_of(numbers.get("support"))
    return AbilityScore(
        str(name),
        measure,
        number_of(numbers.get(key)),
        _pair(numbers.get(interval)),
        None if support is None else int(support),
    )


def _by_name(scores: list[AbilityScore]) -> dict[tuple[str, str], AbilityScore]:
    return {(one.name, one.measure): one for one in scores}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pair(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = (number_of(one) for one in value)
    return None if low is None or high is None else (low, high)
