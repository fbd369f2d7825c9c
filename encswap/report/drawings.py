"""The figures of a report by name, each as an SVG file of its own."""

from __future__ import annotations

from encswap.evaluate.calibration import calibrate
from encswap.report import figures
from encswap.report.reading import Run
from encswap.report.scores import beside, by_label, ladders, steps_of
from encswap.report.svg import standalone
from encswap.report.texts import Texts


def draw_all(run: Run, texts: Texts) -> dict[str, str]:
    """Draw every figure that the run has numbers for: file name to SVG."""
    drawn = {
        "verdict.svg": figures.draw_rows(beside(run, texts), texts("beside_figure")),
        "thresholds.svg": figures.draw_thresholds(steps_of(ladders(run)), run.threshold, texts),
    }
    if rows := by_label(run):
        drawn["labels.svg"] = figures.draw_rows(rows, texts("labels_figure"), bars=True)
    if epochs := run.metrics.get("epochs"):
        drawn["epochs.svg"] = figures.draw_epochs(epochs, texts)
    documents = run.documents
    if curve := calibrate((d.example for d in documents), (d.candidates for d in documents)):
        drawn["calibration.svg"] = figures.draw_calibration(curve, texts)
    return {name: standalone(drawing) for name, drawing in drawn.items()}
