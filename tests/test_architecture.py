"""The rules of the house, read from the sources: who imports whom, who prints, who names what."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

import encswap
from encswap.check.catalogue import CODES
from encswap.plugins import load_plugins
from encswap.types import Layout

PACKAGE = Path(encswap.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))
# From the lowest room to the highest: a room imports its own and those above it in this list.
LAYERS = (
    ("errors", "escaping", "quiet", "timeouts", "types"),
    ("files",),
    ("yaml_files", "validation"),
    ("safety",),
    ("recipe", "manifest", "distributed", "specs"),
    ("hookspecs", "plugins"),
    ("hub", "models"),
    ("gliner",),
    ("data",),
    ("runtime",),
    ("check", "swap"),
    ("evaluate",),
    ("export",),
    ("train",),
    ("rivals",),
    ("report",),
    ("testing",),
    ("experiment",),
    ("api",),
    ("serve", "spacy_pipe"),
    ("cli", "__main__"),
)
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


def test_only_the_room_of_gliner2_imports_it():
    for path in FILES:
        if any(name.split(".")[0] == "gliner2" for name in imports_of(path)):
            assert inside(path, ("gliner/",)), path


LOADERS = ("from_pretrained", "from_config", "for_model")
MAY_LOAD = ("safety/trusted_classes.py", "swap/load.py", "gliner/model.py")


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


NOT_IN_THE_RUNTIME = {
    "torch",
    "transformers",
    "gliner2",
    "huggingface_hub",
    "safetensors",
    "accelerate",
}


def test_nothing_that_the_runtime_imports_imports_torch():
    imports, left = graph(), [name for name in modules() if name.startswith("encswap.runtime")]
    seen: set[str] = set()
    while left:
        if (one := left.pop()) not in seen:
            seen.add(one)
            left += imports[one]
    assert len(seen) > 8
    for name in seen:
        tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
        typed = {
            id(one) for node in ast.walk(tree) if is_type_checking(node) for one in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in typed:
                names = [getattr(node, "module", None) or ""] + [one.name for one in node.names]
                assert not {one.split(".")[0] for one in names} & NOT_IN_THE_RUNTIME, name


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


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


# The door itself, and the file that puts stand-ins before the streams while plugins run.
MAY_TOUCH_STREAMS = ("cli/output.py", "cli/interrupts.py", "plugins.py")
PRINTERS = {"print", "echo", "secho", "Console", "print_exc", "StreamHandler", "pprint"}


def test_nothing_but_the_door_writes_to_a_stream_or_builds_a_console():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if inside(path, MAY_TOUCH_STREAMS):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                stream = node.attr in ("stdout", "stderr", "__stdout__", "__stderr__")
                of_sys = isinstance(node.value, ast.Name) and node.value.id == "sys"
                assert not (stream and of_sys), f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module == "sys":
                assert not {alias.name for alias in node.names} & {"stdout", "stderr"}, path
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                of_console = name == "print" and isinstance(node.func, ast.Attribute)
                assert name not in PRINTERS or of_console, f"{path}:{node.lineno}"


def test_each_hook_is_called_at_one_place():
    for hook in HOOKS:
        places = [
            path
            for path in FILES
            if re.search(rf'\balone\("{hook}"|hook\.{hook}\(', path.read_text())
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


MOVES = {"rename", "renames", "unlink", "rmdir", "rmtree", "removedirs", "flock", "lockf"}
TEMPORARY = {"mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile"}
WRITES = {"write_text", "write_bytes"}
# Where a folder is written that files.py moves or removes afterwards.
MAY_WRITE = (
    "files.py",
    "testing/scaffold/",
    "testing/mini/encoders.py",
    "swap/vocabulary.py",
    "train/trainer.py",
)


def is_path_replace(node: ast.Call) -> bool:
    """Tell `path.replace(target)` from `text.replace(old, new)` and from dataclasses'."""
    return len(node.args) == 1 and not node.keywords


def test_only_files_moves_removes_or_locks_a_file():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            moves = name in MOVES | TEMPORARY or (owner == "os" and name == "remove")
            moves = moves or (owner == "shutil" and name in ("move", "copytree", "copyfile"))
            moves = moves or (name == "replace" and (owner == "os" or is_path_replace(node)))
            if moves:
                assert inside(path, ("files.py",)), f"{path.name}:{node.lineno} calls {name}"
            writes = name in WRITES and owner not in ("files", "folder", "self")
            if writes and not (isinstance(node.func.value, ast.Attribute) and name == "write_text"):
                assert inside(path, MAY_WRITE), f"{path.name}:{node.lineno} calls {name}"


def test_a_file_is_opened_for_writing_in_files_alone_and_the_log_for_appending():
    found = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "open":
                modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if any(isinstance(m, str) and set(m) & set("wax+") for m in modes):
                    found[path.relative_to(PACKAGE).as_posix()] = modes
    assert set(found) == {"files.py", "train/run_folder.py"}
    assert found["train/run_folder.py"] == ["a"]


# The judge of a folder's files gives its problems the codes of the checks that report them.
MAY_NAME_CODES = ("safety/content.py", "check/evidence.py")


def declared_codes() -> dict[str, list[str]]:
    """The codes of `@check("code", ...)`, each with the places that declare it."""
    found: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "check":
                    code = ast.literal_eval(decorator.args[0])
                    found.setdefault(code, []).append(f"{path.name}:{decorator.lineno}")
    return found


def test_a_check_is_declared_once_and_the_catalogue_holds_every_declaration():
    declared = declared_codes()
    assert {code: places for code, places in declared.items() if len(places) > 1} == {}
    assert set(declared) == set(CODES) and len(CODES) > 20
    layouts = set(get_args(Layout))
    names = {code for code in declared if "-" in code} - layouts
    for path in FILES:
        if inside(path, MAY_NAME_CODES):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        written = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)]
        own = [code for code in names if any(path.name in place for place in declared[code])]
        repeated = {code for code in names if written.count(code) > (code in own)}
        assert not repeated, f"{path.name} writes {repeated} again"


def test_only_a_declaration_gives_findings_of_the_catalogue_their_code():
    for path in FILES:
        if not inside(path, ("check/",)) or path.name == "declaration.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert getattr(node.func, "id", "") != "Finding", f"{path.name}:{node.lineno}"


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in FILES
    }


def graph() -> dict[str, set[str]]:
    """Who imports whom, also inside functions; the package's own lazy names are left out."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found[name].add(whole if whole in known else node.module)
        found[name] = {one for one in found[name] if one in known} - {name, "encswap"}
    return found


def test_no_module_imports_itself_through_others():
    imports = graph()

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        left = list(imports[start])
        while left:
            if (one := left.pop()) not in seen:
                seen.add(one)
                left += imports[one]
        return seen

    assert [name for name in imports if name in reached(name)] == []


def test_no_two_rooms_or_classes_share_a_name():
    """A module of `cli/` has its command's name, which may be that of the room behind it."""
    names = [name.rsplit(".", 1)[-1] for name in modules() if not name.startswith("encswap.cli.")]
    assert sorted({name for name in names if names.count(name) > 1} - {"__main__"}) == []
    classes = [
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted({name for name in classes if classes.count(name) > 1}) == []


def names_in(tree: ast.AST) -> list[str]:
    """Every name that a tree uses: of variables, attributes, imports, and texts that are names."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.alias):
            found.append(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)  # `__all__`, lazy names, forward references
    return found


# The ways to set up a test, and what Python itself looks for.
NAMED_ELSEWHERE = {"clear_reachability", "format_of", "__getattr__", "__all__", "__version__"}


def defined_in(tree: ast.Module) -> tuple[list[str], list[str]]:
    """The functions and classes of a module that nothing registers, and its constants."""
    functions = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list
    ]
    targets = [one for node in tree.body if isinstance(node, ast.Assign) for one in node.targets]
    constants = [one.id for each in targets for one in ast.walk(each) if isinstance(one, ast.Name)]
    return functions, constants


def test_no_function_class_or_constant_of_a_module_is_used_nowhere():
    """Used in the package, its plugins, benchmarks or pages: a test alone keeps nothing alive."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    counted = Counter(name for tree in trees.values() for name in names_in(tree))
    for room in ("plugins", "docs", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            counted.update(names_in(ast.parse(path.read_text(encoding="utf-8"))))
    unused = []
    for path, tree in trees.items():
        functions, constants = defined_in(tree)
        unused += [f"{path.name}: {one}" for one in functions if not counted[one]]
        # A constant is named once where it is set.
        unused += [f"{path.name}: {one}" for one in constants if counted[one] < 2]
    assert [one for one in unused if one.split(": ")[1] not in NAMED_ELSEWHERE] == []
