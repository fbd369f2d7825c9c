"""Files of a run folder that are cut, edited or of another version: right, or one line."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from encswap import EncswapError, load
from encswap.cli.app import app
from encswap.cli.progress import TerminalWatcher
from encswap.data.input import find_data

pytestmark = pytest.mark.filterwarnings("default")
Damage = Callable[[Path], None]


# -- two folders: one finished, one interrupted ----------------------------------------------


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("odd")
    for part, count in (("train", 12), ("test", 3)):
        lines = find_data(f"ko-medical/{part}.jsonl").read_text(encoding="utf-8").splitlines()
        (folder / f"{part}.jsonl").write_text("\n".join(lines[:count]) + "\n", encoding="utf-8")
    return {part: folder / f"{part}.jsonl" for part in ("train", "test")}


def train(documents: dict[str, Path], base: Path, out: Path) -> int:
    arguments = [
        *("train", "--encoder", "koelectra", "--scale", "mini", "--base", str(base)),
        *("--train", str(documents["train"]), "--test", str(documents["test"])),
        *("--set", "epochs=2", "--set", "patience=9", "--out", str(out)),
    ]
    return CliRunner().invoke(app, arguments).exit_code


@pytest.fixture(scope="session")
def finished(
    documents: dict[str, Path], base_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert train(documents, base_folder, folder) == 0
    return folder


@pytest.fixture(scope="session")
def begun(
    documents: dict[str, Path], base_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run that was interrupted when its second epoch was over."""

    def interrupt(watcher: TerminalWatcher, record: Any, improved: bool) -> None:
        del watcher, improved
        if record.epoch == 2:
            raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("begun") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TerminalWatcher, "epoch", interrupt)
        assert train(documents, base_folder, folder) == 130
    assert (folder / "state" / "progress.json").is_file()
    return folder


# -- damages -----------------------------------------------------------------------------------

WHOLE: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "text": b'"x"',
    "not UTF-8": b"\xff\xfe{}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "a constant": b"NaN",
    "control": b'{"\x1b[31m": 1}',
}
VALUES: dict[str, Any] = {
    "null": None,
    "text": "x\u202e\x1b[31m",
    "number": 7,
    "negative": -1,
    "huge": 10**300,
    "half": 0.5,
    "true": True,
    "list": [],
    "list of text": ["a"],
    "object": {},
    "nested": {"a": [{"b": [1]}]},
}
RAW = {"NaN": "NaN", "infinite": "1e999", "digits": "9" * 5000, "surrogate": '"\\ud800"'}
MARK = "\u0001mark\u0001"


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value; of a list only the first."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*at, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*at, 0))


def changed(value: Any, at: Sequence[Any], new: Any, *, delete: bool = False) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in at[:-1]:
        inner = inner[key]
    if delete:
        del inner[at[-1]]
    else:
        inner[at[-1]] = new
    return copy


def damages(name: str, whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Every damaged version of a file, with what was done to it."""
    yield from WHOLE.items()
    for part in (1, 3, 7):
        yield f"cut {part}/8", whole[: len(whole) * part // 8]
    first, rest = (whole, b"") if not name.endswith("l") else whole.split(b"\n", 1)
    if name.endswith(".yaml"):
        value, write = yaml.safe_load(whole), yaml.safe_dump
        first, rest = whole, b""
        yield "twice", whole + whole
        yield (
            "alias bomb",
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(
                b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (98 + n, 98 + n, *[97 + n] * 8)
                for n in range(9)
            ),
        )
        yield "alias of itself", b"a: &a [*a]\n"
    else:
        value, write = json.loads(first), json.dumps
        yield "twice", first.replace(b"{", b'{"zz": 1, "zz": 2, ', 1) + rest
    end = b"\n" + rest if rest else b""
    yield "later version", write({**value, "zz_new": {"a": 1}}).encode() + end
    for at in places(value):
        where = ".".join(map(str, at))
        yield f"{where} deleted", write(changed(value, at, None, delete=True)).encode() + end
        for kind, new in VALUES.items():
            yield f"{where} is {kind}", write(changed(value, at, new)).encode() + end
        if not name.endswith(".yaml"):
            for kind, text in RAW.items():
                raw = write(changed(value, at, MARK)).replace(json.dumps(MARK), text)
                yield f"{where} is {kind}", raw.encode() + end


# -- commands ----------------------------------------------------------------------------------

FINISHED = {
    "encswap.json": ("eval", "predict", "report", "push", "load", "trim", "compare"),
    "checkpoint/encswap.json": ("push",),
    "metrics.json": ("report", "push", "compare", "resume"),
    "predictions.jsonl": ("report", "compare"),
    "recipe.yaml": ("report", "resume"),
    "log.jsonl": ("report", "resume"),
}
BEGUN = {
    "encswap.json": ("resume", "push", "report"),
    "recipe.yaml": ("resume",),
    "state/progress.json": ("resume",),
    ".baselines.remembered": ("resume",),
    "log.jsonl": ("resume",),
}


def commands(folder: Path, other: Path, documents: dict[str, Path]) -> dict[str, list[str]]:
    out = folder.parent
    return {
        "eval": ["eval", str(folder), "--data", str(documents["test"])],
        "predict": ["predict", str(folder), "--text", "당뇨병 환자", "--format", "text"],
        "report": ["report", str(folder), "--format", "html", "--out", str(out / "page.html")],
        "push": ["push", str(folder), "someone/name", "--dry-run"],
        "trim": ["trim", str(folder), "--texts", str(documents["test"]), "--out", str(out / "t")],
        "compare": ["report", str(folder), str(other)],
        "resume": ["train", "--resume", str(folder)],
    }


def copy_of(folder: Path, to: Path) -> Path:
    """A copy whose large files are links; what is written is written beside and moved."""
    shutil.copytree(folder, to, copy_function=os.link, symlinks=True)
    return to


def is_clean(text: str) -> bool:
    allowed = "\n\t"
    return not any(
        unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in allowed for char in text
    )


def run_case(command: str, folder: Path, other: Path, documents: dict[str, Path]) -> str:
    """Run a command on a damaged folder; what is wrong with how it ended, or nothing."""
    if command == "load":
        try:
            load(folder)
        except EncswapError as error:
            return "" if "\n" not in str(error) else f"several lines: {error}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:300]
        return ""
    arguments = commands(folder, other, documents)[command]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        import traceback

        last = traceback.extract_tb(result.exception.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(result.exception).__name__} at {place}: {result.exception}"[:300]
    if not is_clean(result.stdout + result.stderr):
        return f"controls: {result.output!r}"[:300]
    if result.exit_code == 2 and not result.stderr.splitlines()[-1].startswith("encswap: "):
        return f"no line: {result.stderr!r}"[:300]
    return "" if result.exit_code in (0, 1, 2) else f"exit code {result.exit_code}"


def cases(folders: dict[str, Path]) -> list[tuple[str, str, str, str, bytes]]:
    found = []
    for kind, table in (("finished", FINISHED), ("begun", BEGUN)):
        for name, wanted in table.items():
            whole = (folders[kind] / name).read_bytes()
            for what, content in damages(name, whole):
                found += [(kind, name, command, what, content) for command in wanted]
    return found


def run_all(
    chosen: Sequence[tuple[str, str, str, str, bytes]],
    folders: dict[str, Path],
    documents: dict[str, Path],
    tmp_path: Path,
) -> list[str]:
    failed = []
    for number, (kind, name, command, what, content) in enumerate(chosen):
        place = tmp_path / str(number)
        place.mkdir()
        folder = copy_of(folders[kind], place / "run")
        (folder / name).unlink()
        (folder / name).write_bytes(content)
        if fault := run_case(command, folder, folders["finished"], documents):
            failed.append(f"{command} {kind}/{name}, {what}: {fault}")
        shutil.rmtree(place)
    return failed


@pytest.mark.parametrize("seed", [1])
def test_a_sample_of_damaged_files_gives_no_traceback(
    finished: Path, begun: Path, documents: dict[str, Path], tmp_path: Path, seed: int
) -> None:
    folders = {"finished": finished, "begun": begun}
    chosen = random.Random(seed).sample(cases(folders), 30)
    assert "\n".join(run_all(chosen, folders, documents, tmp_path)) == ""


@pytest.mark.slow
def test_many_damaged_files_give_no_traceback(
    finished: Path, begun: Path, documents: dict[str, Path], tmp_path: Path
) -> None:
    folders = {"finished": finished, "begun": begun}
    count = int(os.environ.get("ENCSWAP_ODD_FILES", "600"))
    chosen = random.Random(2).sample(cases(folders), count)
    assert "\n".join(run_all(chosen, folders, documents, tmp_path)) == ""


READERS = ("eval", "predict", "report", "push")


def damaged_copies(folder: Path, to: Path) -> Iterator[tuple[str, Path]]:
    """A copy of a run folder for each of its files, with that file cut, emptied and deleted."""
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for name in files:
        whole = (folder / name).read_bytes()
        for how, content in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("gone", None)):
            copy = copy_of(folder, to / f"{name.as_posix().replace('/', '-')}-{how}")
            (copy / name).unlink()
            if content is not None:
                (copy / name).write_bytes(content)
            yield f"{name} {how}", copy
            shutil.rmtree(copy)


@pytest.mark.slow
@pytest.mark.parametrize("command", READERS)
def test_a_run_folder_that_lost_a_file_is_read_right_or_refused_in_one_line(
    finished: Path, documents: dict[str, Path], tmp_path: Path, command: str
) -> None:
    def outcome(folder: Path) -> tuple[int, str]:
        result = CliRunner().invoke(app, commands(folder, folder, documents)[command])
        return result.exit_code, result.stdout.replace(str(folder), "RUN")

    right = outcome(finished)
    assert right[0] == 0
    counts = {"right": 0, "refused": 0}
    wrong = []
    for what, folder in damaged_copies(finished, tmp_path):
        if fault := run_case(command, folder, finished, documents):
            wrong.append(f"{what}: {fault}")
            continue
        found = outcome(folder)
        counts["right" if found[0] == 0 else "refused"] += 1
        # A report and a card leave out what only a lost file held; scores and answers may not.
        if found[0] == 0 and command in ("eval", "predict") and found != right:
            wrong.append(f"{what}: another result")
    print(f"\n{command}: {counts}")
    assert wrong == [] and counts["refused"] > 0


@pytest.mark.parametrize("command", ["eval", "predict", "load", "report"])
def test_a_setting_of_the_manifest_that_no_recipe_takes_is_one_line(
    finished: Path, documents: dict[str, Path], tmp_path: Path, command: str
) -> None:
    for setting, value in (("min_coverage", -1), ("alignment_texts", "many"), ("epochs", [])):
        folder = copy_of(finished, tmp_path / setting)
        manifest = json.loads((folder / "encswap.json").read_text(encoding="utf-8"))
        manifest["recipe"][setting] = value
        (folder / "encswap.json").unlink()
        (folder / "encswap.json").write_text(json.dumps(manifest), encoding="utf-8")
        assert run_case(command, folder, finished, documents) == ""


@pytest.mark.parametrize("kind", ["folder", "fifo", "nowhere"])
@pytest.mark.parametrize("name", ["encswap.json", "metrics.json", "predictions.jsonl"])
def test_what_is_no_file_is_refused_at_once(
    finished: Path, documents: dict[str, Path], tmp_path: Path, name: str, kind: str
) -> None:
    folder = copy_of(finished, tmp_path / "run")
    (folder / name).unlink()
    if kind == "folder":
        (folder / name).mkdir()
    elif kind == "fifo":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/nowhere/at/all")
    for command in ("report", "compare", *(("load", "eval") if name == "encswap.json" else ())):
        assert run_case(command, folder, finished, documents) == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("encswap.json", b'{"encswap": "0.1.0"}', "base is missing"),
        ("encswap.json", b"\xff", "no UTF-8"),
        ("metrics.json", b'{"threshold": 1, "threshold": 2}', "the key 'threshold' twice"),
        ("metrics.json", b'{"threshold": NaN}', "NaN"),
        ("metrics.json", b"", "empty"),
        ("predictions.jsonl", b"", "0 documents"),
    ],
)
def test_the_line_names_the_file_and_what_is_wrong_in_a_process_of_its_own(
    finished: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    folder = copy_of(finished, tmp_path / "run")
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    command = "eval" if name == "encswap.json" else "report"
    more = ["--data", str(folder / "x.jsonl")] if command == "eval" else []
    done = subprocess.run(
        [sys.executable, "-m", "encswap", command, str(folder), *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert name in done.stderr and said in done.stderr


@pytest.mark.parametrize("key", ["threshold_source", "epoch_source"])
def test_a_source_of_the_threshold_or_epoch_that_is_none_of_ours_is_named(
    finished: Path, tmp_path: Path, key: str
) -> None:
    folder = copy_of(finished, tmp_path / "run")
    metrics = json.loads((finished / "metrics.json").read_text(encoding="utf-8"))
    (folder / "metrics.json").unlink()
    (folder / "metrics.json").write_text(json.dumps({**metrics, key: "moon"}), encoding="utf-8")
    done = CliRunner().invoke(app, ["report", str(folder)])
    assert done.exit_code == 2 and f"metrics.json: holds no scores of a test: {key}: " in (
        done.stderr
    )


@pytest.mark.parametrize("key", ["base", "dictionary", "before_training"])
def test_what_a_run_remembers_without_one_of_its_scores_is_measured_again(
    begun: Path, finished: Path, tmp_path: Path, key: str
) -> None:
    folder = copy_of(begun, tmp_path / "run")
    note = folder / ".baselines.remembered"
    whole = json.loads(note.read_text(encoding="utf-8"))
    note.unlink()
    note.write_text(json.dumps({name: one for name, one in whole.items() if name != key}))
    done = CliRunner().invoke(app, ["train", "--resume", str(folder)])
    assert done.exit_code == 0, done.stderr
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["baselines"][key] == whole[key]


def test_a_folder_of_a_later_version_loads_and_says_so_once(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy_of(finished, tmp_path / "run")
    manifest = json.loads((folder / "encswap.json").read_text())
    (folder / "encswap.json").unlink()
    manifest |= {"encswap": "9.1.0", "new_key": [1]}
    manifest["splitter"]["mode"] = "fast"
    manifest["recipe"]["new_setting"] = 3
    (folder / "encswap.json").write_text(json.dumps(manifest))
    result = [CliRunner().invoke(app, ["predict", str(folder), "--text", "당뇨병"]) for _ in "ab"]
    assert [one.exit_code for one in result] == [0, 0]
    told = [one.getMessage() for one in caplog.records if one.name == "encswap.validation"]
    assert [line.split(": ", 2)[2] for line in told] == [
        "was written by encswap 9.1.0, this is 0.1.0; unknown keys are passed over: "
        "new_key, splitter.mode",
        "unknown keys are passed over: recipe.new_setting",
    ]


OLD = Path(__file__).parents[1] / "old_runs"


@pytest.mark.parametrize("folder", sorted(OLD.iterdir()), ids=lambda path: path.name)
def test_a_run_folder_of_an_older_version_is_read_without_a_remark(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Files as encswap wrote them before each was read by a model; the weights are left out."""
    from encswap.manifest import read_manifest
    from encswap.recipe import read_recipe, recorded_recipe
    from encswap.report.run_results import read_metrics, read_run
    from encswap.train.run_files import Metrics

    run = copy_of(folder, tmp_path / "run")
    manifest = read_manifest(run)
    assert manifest.splitter.name == "kiwi" and manifest.labels[0] == "Disease"
    assert recorded_recipe(manifest.recipe, run) == read_recipe(run / "recipe.yaml")
    assert read_metrics(run / "metrics.json", Metrics) == json.loads(
        (run / "metrics.json").read_text(encoding="utf-8")
    )
    assert len(read_run(run).documents) == 6
    for arguments in (["report", str(run)], ["report", str(run), str(run)]):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    assert not caplog.records
