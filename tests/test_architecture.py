"""The rules of the house, read from the sources: who imports whom, who prints, who names what."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import encswap
from encswap.plugins import load_plugins

PACKAGE = Path(encswap.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = (
    ("errors", "domain"),
    ("yaml_files",),
    ("safety",),
    ("recipe", "manifest", "cache", "processes"),
    ("hookspecs", "answers", "installed", "isolation", "registry", "plugins"),
    ("hub", "sources", "upload"),
    ("gliner",),
    ("data",),
    ("checks", "swap"),
    ("evaluate",),
    ("train",),
    ("mini", "report"),
    ("experiment", "testing", "templates"),
    ("cli", "__main__"),
)
MAY_IMPORT_GLINER2 = ("gliner/", "swap/gliner.py", "train/", "evaluate/")
HOOKS = (
    "register_encoders",
    "register_word_splitters",
    "load_encoder",
    "check_compatibility",
    "adapt_embeddings",
    "build_param_groups",
)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def level_of(room: str) -> int:
    return next(level for level, rooms in enumerate(LAYERS) if room in rooms)


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            if node.module == "encswap":
                found += [f"encswap.{alias.name}" for alias in node.names]
    return found


def inside(path: Path, places: tuple[str, ...]) -> bool:
    return path.relative_to(PACKAGE).as_posix().startswith(places)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_one_way(path: Path):
    if path == PACKAGE / "__init__.py":
        return
    own = level_of(room_of(path))
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "encswap" and len(parts) > 1 and not parts[1].startswith("__version"):
            rooms = [room for level in LAYERS for room in level]
            if parts[1] in rooms:
                assert level_of(parts[1]) <= own, f"{path.name} imports {name}"


def test_only_four_rooms_import_gliner2():
    for path in FILES:
        if any(name.split(".")[0] == "gliner2" for name in imports_of(path)):
            assert inside(path, MAY_IMPORT_GLINER2), path


LOADERS = ("from_pretrained", "from_config", "for_model")
MAY_LOAD = ("safety/building.py", "swap/loading.py", "swap/gliner.py")


def test_models_of_transformers_are_loaded_at_few_places_and_never_with_their_code():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            told = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert told.get("trust_remote_code", "False") == "False", f"{path.name}:{node.lineno}"
            if node.func.attr in LOADERS:
                assert inside(path, MAY_LOAD), f"{path.name}:{node.lineno}"
                auto = ast.unparse(node.func.value) in ("AutoModel", "AutoConfig", "AutoTokenizer")
                assert "trust_remote_code" in told or not auto, f"{path.name}:{node.lineno}"


def test_only_the_command_line_imports_typer_or_prints():
    for path in FILES:
        if inside(path, ("cli/",)):
            continue
        assert not any(
            name.split(".")[0] in ("typer", "click", "rich") for name in imports_of(path)
        )
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert not {"print", "exit", "quit"} & set(calls), path


def test_each_hook_is_called_at_one_place():
    for hook in HOOKS:
        places = [
            path
            for path in FILES
            if re.search(
                rf'(_first|_only|_implementers)\([^)]*"{hook}"|hook\.{hook}\(', path.read_text()
            )
        ]
        assert places == [PACKAGE / "plugins.py"], hook


def test_no_core_file_names_a_model_that_a_plugin_registers():
    plugins = load_plugins()
    registered = {**plugins.encoders, **plugins.bases}
    names = {spec.hub_id for spec in registered.values()} | set(plugins.encoders)
    families = {str(spec.config.get("model_type")) for spec in registered.values() if spec.config}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        strings = {
            node.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        } - docstrings(text)
        for string in strings:
            assert string not in names | families, f"{path.name} names {string!r}"
            assert not re.search(r"[가-힣]", string), f"{path.name} knows a language: {string!r}"


def docstrings(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(first.value.value)
    return found


@pytest.mark.parametrize(
    "path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: path.stem
)
def test_plugins_import_only_public_names(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "encswap":
            assert node.module == "encswap"
            assert {alias.name for alias in node.names} <= set(encswap.__all__)
