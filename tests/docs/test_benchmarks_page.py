"""The benchmarks' page says what the committed results say."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs" / "benchmarks.py"


def test_the_page_is_what_its_script_writes_from_the_results():
    spec = spec_from_file_location("benchmarks_page", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    said = module.PAGE.read_text(encoding="utf-8")
    assert said == module.page() + "\n", "run `python docs/benchmarks.py`"
