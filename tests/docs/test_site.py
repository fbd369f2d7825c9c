"""The site: it builds without a warning, holds every page, and asks nothing of another machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# Material greets on every build with the end of its life, which is nothing about the site.
QUIETLY = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
DOCS = ROOT / "docs"
ATTRIBUTES = ("src", "srcset", "data", "poster")  # what an element fetches
QUIET = re.compile(r"INFO\s+-\s+(Cleaning|Building|Documentation built)\b.*")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The site in a folder of its own, and what the build said."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=QUIETLY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout + done.stderr


class References(HTMLParser):
    """Collects what a page would fetch while it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = ("href",) if tag == "link" else ATTRIBUTES
        self.found += [str(value) for name, value in attrs if name in wanted and value]
        self.styles += [str(value) for name, value in attrs if name == "style" and value]


def names_another_machine(address: str) -> bool:
    return re.match(r"\s*([a-z][a-z0-9+.-]*:)?//", address, re.IGNORECASE) is not None


def pages_of_nav(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of_nav(part)]


def test_the_strict_build_says_nothing_but_that_it_builds(built: tuple[Path, str]):
    said = [line for line in built[1].splitlines() if line.strip()]
    assert [line for line in said if not QUIET.fullmatch(line)] == []


def test_every_page_is_in_the_navigation_once():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    # Folders hold samples, whose own pages are not the site's.
    assert sorted(pages_of_nav(nav)) == sorted(path.name for path in DOCS.glob("*.md"))


def test_no_page_fetches_anything_from_another_machine(built: tuple[Path, str]):
    pages = sorted(built[0].rglob("*.html"))
    assert len(pages) >= len(list(DOCS.glob("*.md")))
    for page in pages:
        references = References()
        references.feed(page.read_text(encoding="utf-8"))
        assert references.found, f"{page}: nothing is read from it"
        assert [one for one in references.found if names_another_machine(one)] == [], page
        assert not [one for one in references.styles if "//" in one], page


def test_no_style_sheet_fetches_anything_from_another_machine(built: tuple[Path, str]):
    sheets = sorted(built[0].rglob("*.css"))
    assert sheets
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8")
        asked = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", text)
        assert [one for one in asked if names_another_machine(one)] == [], sheet


def test_no_script_of_the_site_names_another_machine(built: tuple[Path, str]):
    for script in built[0].rglob("*.js"):
        text = script.read_text(encoding="utf-8", errors="replace")
        loads = re.findall(r"(?:fetch|importScripts|open|src\s*=)\s*\(?[^;\n]{0,40}https?://", text)
        assert loads == [], script


CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = importlib.util.find_spec("axe_core_python")
PARTS = (CHROMIUM, CHROMEDRIVER, AXE, importlib.util.find_spec("selenium"))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    yield driver
    driver.quit()


LOOKS = {  # as `Emulation.setEmulatedMedia` and a window's width give them
    "light": ("light", "screen", 1280),
    "dark": ("dark", "screen", 1280),
    "phone": ("light", "screen", 390),
    "print": ("light", "print", 800),
}
KINDS = (  # a page of each kind: prose, figures, tables, reference, generated, Korean
    *("index", "quickstart", "choosing", "architecture", "commands", "api", "recipe"),
    *("troubleshooting", "findings", "quickstart.ko", "troubleshooting.ko", "choosing.ko"),
)


@pytest.mark.skipif(not all(PARTS), reason="needs chromium, chromedriver, selenium and axe")
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("page", KINDS)
def test_axe_finds_no_serious_fault_in_the_site(
    chromium: Any, built: tuple[Path, str], page: str, look: str
):
    assert AXE is not None and AXE.origin is not None
    scheme, media, width = LOOKS[look]
    feature = {"name": "prefers-color-scheme", "value": scheme}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get((built[0] / f"{page}.html").as_uri())
    chromium.execute_script(Path(AXE.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
    chromium.set_script_timeout(60)
    found = chromium.execute_async_script(
        "const done = arguments[0]; axe.run().then(done, (e) => done({error: String(e)}))"
    )
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width


def test_the_address_and_the_menu_of_versions_are_filled_in_by_who_publishes(tmp_path: Path):
    address = {"ENCSWAP_REPOSITORY": "https://example.org/team/project"}
    for more, wanted in (({}, False), ({**address, "MIKE_DOCS_VERSION": "{}"}, True)):
        folder = tmp_path / str(wanted)
        known = {key: value for key, value in QUIETLY.items() if not key.startswith("ENCSWAP_")}
        done = subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
            cwd=ROOT,
            env={**known, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        page = (folder / "index.html").read_text(encoding="utf-8")
        assert ("REPOSITORY_URL" in page) != wanted
        assert (address["ENCSWAP_REPOSITORY"] in page) == wanted
        assert ('"provider": "mike"' in page) == wanted


def test_a_broken_link_fails_the_build(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[x](../tests/none.py) [y](none.md)\n")
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    config |= {"hooks": [str(DOCS / "outside.py")], "nav": ["index.md"]}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config, allow_unicode=True))
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "none.py" in done.stderr and "none.md" in done.stderr
