"""The page in a real browser: no request, no error, and the numbers of the command line."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.report.comparison import compare_runs
from encswap.report.comparison_page import write_compared
from encswap.report.page import write_page
from encswap.report.run_results import read_run
from encswap.report.texts import Texts
from encswap.train.fit import Job
from encswap.train.run import run
from encswap.train.run_folder import RunFolder
from encswap.types import Example, Mention, Prediction
from tests.report.conftest import (
    CANDIDATES,
    EMPTY,
    LABELS,
    NASTY,
    NASTY_CANDIDATES,
    PLANTED,
    write_run,
)
from tests.train.conftest import head
from tests.train.test_run import Silent, prepare

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = importlib.util.find_spec("axe_core_python")
pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="needs Debian's chromium and chromium-driver"
    ),
    pytest.mark.skipif(not importlib.util.find_spec("selenium"), reason="needs selenium"),
    # selenium leaves sockets to its driver for the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

LOADED = "return performance.getEntriesByType('navigation')[0].loadEventEnd"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium with a fresh profile, that records what the page asks for."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def trained(plugins, base_folder, tmp_path_factory):
    """A run that was really trained, with its test file: documents that it knows from training."""
    folder = tmp_path_factory.mktemp("trained")
    files = {
        "train": str(head("ko-medical/train.jsonl", 48, folder / "train.jsonl")),
        "test": str(head("ko-medical/train.jsonl", 8, folder / "test.jsonl")),
    }
    recipe, documents, ready = prepare(plugins, base_folder, files, epochs=8, batch_size=4)
    home = RunFolder.create(folder / "run")
    run(Job(recipe, documents, ready, plugins, home, Silent()))
    return home.path, files["test"]


@pytest.fixture
def show(chromium, tmp_path):
    """Open the page of a run."""

    def open_page(folder: Path, language: str = "en"):
        page = tmp_path / "report.html"
        page.write_text(write_page(read_run(folder), Texts.read(language)), encoding="utf-8")
        # What the browser's own first page asks for is none of the report's.
        chromium.get("about:blank")
        time.sleep(0.2)
        chromium.get_log("performance")
        chromium.get_log("browser")
        chromium.get(page.as_uri())
        return chromium

    return open_page


@pytest.fixture
def sliced(tmp_path) -> Path:
    """A run with everything that a page can show."""
    rival = {"verdict": "no difference to the tagger is shown", "cost": {"parameters": 9_000_000}}
    nested = Mention(5, 9, "Disease", PLANTED.text[5:9])
    examples = [replace(PLANTED, mentions=(*PLANTED.mentions, nested)), NASTY, EMPTY]
    return write_run(
        tmp_path / "sliced",
        examples,
        [CANDIDATES, NASTY_CANDIDATES, []],
        in_training={("Disease", "당뇨병"): 3, ("Drug", "인슐린"): 1},
        remarks=["dev F1 was 0 after each of 3 epochs"],
        rivals={"tagger": {"micro": {"f1": 0.4, "interval": [0.2, 0.6]}, **rival}},
        provenance={"date": "2026-01-01T00:00:00Z", "device": "CPU", "steps": 12},
    )


@pytest.fixture
def compared(sliced, planted, tmp_path) -> Path:
    """The page of two runs on the same documents."""
    examples = [PLANTED, NASTY, EMPTY]
    other = write_run(tmp_path / "other", examples, [CANDIDATES[1:], [], []], threshold=0.4)
    runs = [read_run(planted), read_run(other)]
    page = tmp_path / "compared.html"
    page.write_text(write_compared(runs, compare_runs(runs), Texts.read("en")), encoding="utf-8")
    return page


def one(driver, selector: str):
    return driver.find_element("css selector", selector)


def all_of(driver, selector: str):
    return driver.find_elements("css selector", selector)


def requests_of(driver) -> list[str]:
    events = (json.loads(one["message"])["message"] for one in driver.get_log("performance"))
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def counted(driver) -> dict[str, list[str]]:
    rows = all_of(driver, "#counted tr")
    return {one(row, "th").text: [cell.text for cell in all_of(row, "td")] for row in rows}


def slide(driver, threshold: float) -> None:
    driver.execute_script(
        "const s = document.getElementById('slider'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input'))",
        round(threshold * 10_000),
    )


def choose(driver, select: str, value: str) -> None:
    driver.execute_script(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1];"
        "if (s.value !== arguments[1]) throw new Error('no such option: ' + arguments[1]);"
        "s.dispatchEvent(new Event('change'))",
        select,
        value,
    )


def shown(driver) -> list[str]:
    return [node.text for node in all_of(driver, "#list article h3")]


def search(driver, words: str) -> None:
    driver.execute_script(
        "const s = document.getElementById('search'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input'))",
        words,
    )
    time.sleep(0.4)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_asks_for_nothing_and_says_no_error(show, planted, language):
    driver = show(planted, language)
    assert [url for url in requests_of(driver) if not url.startswith(("file:", "data:"))] == []
    assert driver.get_log("browser") == []
    assert len(shown(driver)) == 3


def test_markup_in_documents_is_shown_as_text_and_never_run(show, planted):
    driver = show(planted)
    assert driver.title == "Scores of planted"
    assert "<img src=x onerror=alert(1)>" in shown(driver)
    text = one(driver, "#list article:nth-child(2) .text")
    assert "<script>document.title='run'</script>" in text.text
    (mark,) = all_of(text, ".g")
    assert mark.text == "인슐린"


def test_the_slider_counts_what_eval_counts(show, trained):
    folder, test = trained
    driver = show(folder)
    positive = 0
    for threshold in (0.05, 0.1, 0.35, 0.5, 0.9):
        slide(driver, threshold)
        command = ["eval", str(folder), "-d", test, "--threshold", str(threshold), "-f", "json"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        scores = json.loads(result.stdout)["test"]
        expected = {**scores["per_label"], "All labels": scores["micro"]}
        table = counted(driver)
        for label, numbers in expected.items():
            assert table[label][:3] == [f"{numbers[k]:.3f}" for k in ("precision", "recall", "f1")]
            assert table[label][5] == str(numbers["support"])
        positive += scores["micro"]["f1"] > 0
    assert positive > 1
    assert driver.get_log("browser") == []


def test_the_slider_starts_at_the_run_s_threshold_and_goes_back(show, planted):
    driver = show(planted)
    before = counted(driver)
    assert one(driver, "#at").text == "0.50"
    slide(driver, 0.99)
    assert counted(driver)["Drug"][:3] == ["0.000", "0.000", "0.000"]
    one(driver, "#reset").click()
    assert counted(driver) == before


def test_search_and_filters_find_documents(show, planted):
    driver = show(planted)
    search(driver, "날씨")
    assert shown(driver) == ["empty"]
    search(driver, "nowhere at all")
    assert shown(driver) == [] and "Widen the filters" in one(driver, "#count").text
    search(driver, "")
    assert len(shown(driver)) == 3
    choose(driver, "kind", "missed/below-threshold")
    assert shown(driver) == ["planted"]
    choose(driver, "label", "0")
    assert shown(driver) == []
    choose(driver, "kind", "")
    assert len(shown(driver)) == 2


def test_a_number_of_the_error_table_opens_its_documents(show, planted):
    driver = show(planted)
    for button in all_of(driver, "button[data-kind]"):
        driver.execute_script("arguments[0].click()", button)
        kind, label = button.get_attribute("data-kind"), button.get_attribute("data-label")
        assert 1 <= len(shown(driver)) <= int(button.text), (kind, label)
    assert driver.get_log("browser") == []


def test_a_slice_opens_the_documents_that_lack_one_of_its_mentions(show, sliced):
    driver = show(sliced)
    buttons = all_of(driver, "#slices button[data-part]")
    assert len(buttons) >= 4
    for button in buttons:
        driver.execute_script("arguments[0].click()", button)
        assert 1 <= len(shown(driver)) <= int(button.text)
        chosen = driver.execute_script("return document.getElementById('part').value")
        assert chosen == button.get_attribute("data-part")
    assert driver.get_log("browser") == []


def test_documents_come_worst_first_or_as_in_the_file(show, tmp_path):
    driver = show(write_run(tmp_path / "run", [EMPTY, NASTY, PLANTED], [[], [], CANDIDATES]))
    assert shown(driver) == ["planted", NASTY.id, "empty"]
    choose(driver, "order", "file")
    assert shown(driver) == ["empty", NASTY.id, "planted"]


def test_the_errors_can_be_downloaded(show, planted, chromium, tmp_path):
    chromium.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    driver = show(planted)
    one(driver, ".download a").click()
    path = tmp_path / "errors.csv"
    for _ in range(50):
        if path.exists():
            break
        time.sleep(0.1)
    rows = path.read_text(encoding="utf-8-sig").splitlines()
    assert rows[0].startswith("document,line,kind") and len(rows) == 1 + 6 + 1


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_without_texts_works_and_shows_none(chromium, planted, tmp_path, language):
    page = tmp_path / "bare.html"
    texts = Texts.read(language)
    page.write_text(write_page(read_run(planted), texts, redact=True), encoding="utf-8")
    chromium.get_log("browser")
    chromium.get(page.as_uri())
    words = one(chromium, "body").text
    assert (
        "당뇨병" not in words and "인슐린" not in words and "planted" not in words.split("\n", 1)[1]
    )
    assert shown(chromium) == [texts("document_number", number=n) for n in (1, 2, 3)]
    choose(chromium, "kind", "missed/below-threshold")
    assert shown(chromium) == [texts("document_number", number=1)]
    assert chromium.get_log("browser") == []


def serious_faults(driver, scheme: str, media: str = "screen") -> list[dict]:
    media = {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    script = Path(AXE.origin).with_name("axe.min.js").read_text(encoding="utf-8")
    driver.execute_script(script)
    driver.set_script_timeout(60)
    result = driver.execute_async_script(
        "const done = arguments[0]; axe.run().then(done, (e) => done({error: String(e)}))"
    )
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert "error" not in result, result
    return [v for v in result["violations"] if v["impact"] in ("serious", "critical")]


LOOKS = {"light": "light", "dark": "dark", "phone": "light", "print": "light"}


@pytest.mark.skipif(AXE is None, reason="needs axe-core-python")
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("kind", ["run", "comparison"])
def test_axe_finds_no_serious_fault(show, sliced, compared, look, kind):
    driver = show(sliced)
    if kind == "comparison":
        driver.get(compared.as_uri())
    width = 390 if look == "phone" else 1280
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": look == "phone"}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        serious = serious_faults(driver, LOOKS[look], "print" if look == "print" else "screen")
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert not serious, json.dumps(serious, indent=1)[:3000]


def on_a_phone(driver, script: str):
    """Run a script in a window as wide as a phone's."""
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        time.sleep(0.2)
        return driver.execute_script(script)
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


WIDTH = "return document.documentElement.scrollWidth"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_phone_shows_the_page_without_scrolling_sideways(show, planted, sliced, language):
    for folder in (planted, sliced):
        assert on_a_phone(show(folder, language), WIDTH) <= 390


def test_a_phone_shows_a_comparison_without_scrolling_sideways(chromium, compared):
    chromium.get(compared.as_uri())
    assert on_a_phone(chromium, WIDTH) <= 390


def test_a_table_that_is_wider_than_a_phone_says_so(show, sliced):
    said = on_a_phone(
        show(sliced),
        "return [...document.querySelectorAll('.wide')].map((one) => ["
        "one.scrollWidth > one.clientWidth + 1, one.nextElementSibling?.className === 'swipe' && "
        "getComputedStyle(one.nextElementSibling).display !== 'none'])",
    )
    assert any(wide for wide, _ in said) and all(wide == words for wide, words in said)


def test_a_figure_uses_the_width_that_there_is(show, sliced):
    measure = (
        "return [...document.querySelectorAll('main > figure svg, section > figure svg')]"
        ".map((one) => one.getBoundingClientRect().width).filter((one) => one > 0)"
    )
    driver = show(sliced)
    wide = driver.execute_script("return document.querySelector('main').clientWidth")
    assert all(one >= 0.95 * wide for one in driver.execute_script(measure))
    assert all(330 <= one <= 390 for one in on_a_phone(driver, measure))


def test_ten_thousand_documents_open_at_once(show, tmp_path):
    sentence = "제2형 당뇨병 환자 {} 은 인슐린을 투여하고 당화혈색소를 검사한다. " * 3
    examples, candidates = [], []
    for number in range(10_000):
        text = sentence.replace("{}", str(number))
        marks = [(label, at) for at, label in zip((4, 20, 28, 50), LABELS, strict=True)]
        gold = tuple(Mention(at, at + 3, label, text[at : at + 3]) for label, at in marks)
        examples.append(Example(f"doc-{number}", text, gold))
        candidates.append(
            [
                Prediction(at + shift, at + 3, label, 0.05 + (number * 7 + shift * 31) % 95 / 100)
                for label, at in marks
                for shift in (0, 1, 2)
            ]
        )
    folder = write_run(tmp_path / "large", examples, candidates)
    driver = show(folder)
    size = (tmp_path / "report.html").stat().st_size
    assert size <= 20_000_000
    opened = []
    for _ in range(3):  # other tests may hold the processor
        driver.refresh()
        opened.append(driver.execute_script(LOADED))
    assert 0 < min(opened) <= 1000
    began = time.monotonic()
    search(driver, "doc-9999")
    assert shown(driver) == ["doc-9999"]
    slide(driver, 0.2)
    assert time.monotonic() - began < 3
    assert driver.get_log("browser") == []
