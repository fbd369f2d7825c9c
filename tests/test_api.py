"""The Python API: typed results, quiet, and rooms that are functions too."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import encswap
from encswap.api import EvaluateResult, PredictedText, PredictResult, TrainResult
from encswap.errors import InputError
from encswap.types import Prediction

ORDERS = [
    "import encswap; encswap.{room}; import encswap.{room}.{module}",
    "import encswap.{room}.{module}; import encswap",
    "from encswap.{room} import {module}; import encswap",
    "from encswap import {room}; import encswap",
    "import importlib, encswap; importlib.import_module('encswap.{room}.{module}')",
]
ROOMS = {"check": "criteria", "swap": "embeddings", "train": "groups", "evaluate": "metrics"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_a_module_and_a_function_in_every_order_of_imports(room):
    checks = "; ".join(
        f"sys.modules.pop('encswap', 0); [sys.modules.pop(n) for n in list(sys.modules) "
        f"if n.startswith('encswap')]; {order.format(room=room, module=ROOMS[room])}; "
        f"assert callable(encswap.{room}), {order!r}; import encswap.{room} as m; "
        f"assert m is encswap.{room} and m.__path__"
        for order in ORDERS
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{checks}\nassert 'torch' not in sys.modules"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["check", "evaluate", "predict", "swap", "train"])
def test_each_call_has_the_signature_and_words_of_its_function(name):
    call = getattr(encswap, name)
    assert inspect.signature(call) == inspect.signature(getattr(encswap.api, name))


def test_check_returns_what_the_command_prints_and_prints_nothing(capfd):
    found = encswap.check()
    assert capfd.readouterr() == ("", "")
    assert found.recommended == "ko-deberta" == found.to_dict()["recommended"]
    assert found["ko-deberta"].verdict == "selected"
    assert [one.name for one in found] == [one["name"] for one in found.to_dict()["candidates"]]
    with pytest.raises(KeyError):
        found["nobody"]
    assert "recommended: ko-deberta" in repr(found)
    assert found._repr_html_().count("<tr>") == len(found.candidates) + 1


def test_an_unknown_encoder_and_depth_are_refused_as_by_the_command():
    with pytest.raises(InputError, match="nobody"):
        encswap.check("nobody")
    with pytest.raises(InputError, match="no encoder"):
        encswap.train()
    with pytest.raises(InputError, match="epochz"):
        encswap.train(encoder="ko-deberta", epochz=3)


ROW = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 8}
METRICS = {
    "threshold": 0.3,
    "test": {
        "micro": {
            "precision": 0.5,
            "recall": 0.25,
            "f1": 1 / 3,
            "interval": [0.1, 0.6],
            "support": 8,
        },
        "per_label": {"<b>": {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 8}},
    },
}


@pytest.mark.parametrize("kind", [EvaluateResult, TrainResult])
def test_scores_have_names_a_table_and_escaped_html(kind):
    found = kind(METRICS)
    assert (found.f1, found.interval, found.threshold) == (1 / 3, (0.1, 0.6), 0.3)
    assert "F1 0.3333 [0.1000, 0.6000] at threshold 0.3" in repr(found)
    assert "<b>" not in found._repr_html_() and "&lt;b&gt;" in found._repr_html_()
    json.dumps(found.to_dict())


class Stub:
    labels, threshold = ("Drug",), 0.5

    def predict(self, texts, labels=None, *, threshold=None, flat=False, batch_size=16):
        return [[Prediction(0, 3, "<i>", 0.9), Prediction(1, 2, "b", 0.8)] for _ in texts]


def test_predictions_are_a_sequence_with_text_and_coloured_spans():
    found = encswap.predict(Stub(), ["a<b", "ccc"])
    assert isinstance(found, PredictResult) and len(found) == 2 and found[0].text == "a<b"
    assert found[0].to_dict()["entities"][0]["text"] == "a<b"
    assert [one.text for one in found[0:2]] == ["a<b", "ccc"]
    assert "'a<b' <i> 0.90" in repr(found)
    page = found._repr_html_()
    assert "<i>" not in page and page.count("<mark") == 2
    assert encswap.predict(Stub(), "one text")[0] == PredictedText(
        "one text", (Prediction(0, 3, "<i>", 0.9), Prediction(1, 2, "b", 0.8))
    )


@pytest.mark.slow
def test_swap_train_evaluate_and_predict_work_together_and_write_nothing_to_the_terminal(tmp_path):
    code = f"""
import encswap, warnings
from pathlib import Path
from encswap.data.input import find_data
def head(source, count, name):
    path = Path({str(tmp_path)!r}) / name
    lines = find_data(source).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return path
train = head("ko-medical/train.jsonl", 24, "train.jsonl")
test = head("ko-medical/test.jsonl", 6, "test.jsonl")
swapped = encswap.swap("koelectra", Path({str(tmp_path)!r}) / "swapped", scale="mini", base="mini")
assert swapped.load().encoder is not None and swapped.to_dict()["checkpoint"]
run = encswap.train(encoder="koelectra", base="mini", scale="mini", train=train, test=test,
                    epochs=1, out=Path({str(tmp_path)!r}) / "run")
assert (run.folder / "report.html").is_file() and run.to_dict()["run"]
again = encswap.evaluate(run.folder, test)
assert again.f1 == run.f1
found = encswap.predict(run.folder, ["당뇨병 환자에게 인슐린을 투여했다."])
assert len(found) == 1
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == ""
