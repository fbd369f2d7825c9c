"""Write docs/commands.md, docs/recipe.md and docs/api.md: `python docs/reference.py`.

The program writes them: the command tree its own help, the recipe its fields, the package its
public names. Nothing in these pages is typed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import yaml
from typer.main import get_command

import encswap
from encswap import api, testing
from encswap.cli import app
from encswap.cli.help_text import HelpExample, fold, parts_of, summary_of
from encswap.recipe import RECIPES, Recipe

HERE = Path(__file__).parent
WRITTEN = (
    "Written by `python docs/reference.py` from the program; change the program, not this page."
)
MOST = 86  # characters that a block of code shows beside the site's menu
BOUNDS = (
    (annotated_types.Ge, "ge", "≥"),
    (annotated_types.Gt, "gt", ">"),
    (annotated_types.Le, "le", "≤"),
    (annotated_types.Lt, "lt", "<"),
)

# -- commands ------------------------------------------------------------------------------


def commands(
    command: Any = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk the command tree: each command with the words that call it, groups before their own."""
    command = command or get_command(app)
    if path:
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


SEE = {
    ("check",): ("choosing.md", "checks.md"),
    ("swap",): ("embeddings.md", "concepts.md"),
    ("trim",): ("embeddings.md",),
    ("train",): ("training.md", "recipe.md", "rivals.md"),
    ("eval",): ("scores.md",),
    ("report",): ("report.md", "scores.md"),
    ("experiment",): ("experiment.md",),
    ("predict",): ("predict.md", "python.md"),
    ("export",): ("export.md",),
    ("serve",): ("serve.md",),
    ("push",): ("guides.md#report-to-my-team",),
    ("demo",): ("index.md",),
    ("data", "inspect"): ("words.md", "formats.md"),
    ("data", "convert"): ("formats.md",),
    ("completion",): ("quickstart.md",),
    ("plugins", "list"): ("plugins.md",),
    ("plugins", "new"): ("tutorial.md",),
    ("plugins", "verify"): ("plugins.md",),
}


def commands_page() -> str:
    """Write the page of commands: first what for, then every option."""
    shown = [(path, one) for path, one in commands() if not hasattr(one, "commands")]
    goals = [
        (part.goal.rstrip(":"), path)
        for path, one in shown
        for part in parts_of(one.help)
        if isinstance(part, HelpExample)
    ]
    lines = ["# Commands", "", WRITTEN, "", row("what you want", "command"), row("---", "---")]
    lines += [row(goal, f"[`encswap {' '.join(path)}`]({anchor(path)})") for goal, path in goals]
    for path, one in commands():
        lines += ["", f"{'#' * (1 + len(path))} `encswap {' '.join(path)}`", ""]
        lines += group_of(path, one) if hasattr(one, "commands") else command_of(path, one)
    return "\n".join(lines) + "\n"


def anchor(path: tuple[str, ...]) -> str:
    """Where the section of a command begins."""
    return f"#encswap-{'-'.join(path)}"


def group_of(path: tuple[str, ...], group: Any) -> list[str]:
    """The section of a group: its commands with their summaries."""
    rows = [
        row(f"[`{name}`]({anchor((*path, name))})", summary_of(one.help))
        for name, one in group.commands.items()
    ]
    return [escaped(group.help), "", row("command", "summary"), row("---", "---"), *rows]


def command_of(path: tuple[str, ...], command: Any) -> list[str]:
    """The section of a command: what it does, examples, arguments and options, where to read on."""
    lines: list[str] = []
    for part in parts_of(command.help):
        if isinstance(part, HelpExample):
            pasted = [
                f"$ {line}" if not at else line
                for one in part.commands
                for at, line in enumerate(fold(one, MOST))
            ]
            mark = "<!-- snippet: parse what an example makes is shown by the guides -->"
            lines += [escaped(part.goal), "", mark, *fenced("console", "\n".join(pasted)), ""]
        else:
            lines += [escaped(part), ""]
    with command.make_context(f"encswap {' '.join(path)}", [], resilient_parsing=True) as context:
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        records = [one.get_help_record(context) for one in command.get_params(context)]
    lines += [*fenced("text", usage), "", row("option", "meaning"), row("---", "---")]
    lines += [
        row(f"`{name}`", escaped(" ".join(said.split()))) for name, said in filter(None, records)
    ]
    links = ", ".join(f"[{title_of(page)}]({page})" for page in SEE[path])
    return [*lines, "", f"More: {links}."]


def title_of(page: str) -> str:
    """The title of a page, or of the part of it that is named."""
    file, _, part = page.partition("#")
    for line in (HERE / file).read_text(encoding="utf-8").splitlines():
        title = line.lstrip("#").strip()
        if line.startswith("#") and part in ("", title.lower().replace(" ", "-")):
            return title
    raise SystemExit(f"no part {part!r} in {file}")


def escaped(text: str) -> str:
    """Text in which Markdown would see code or tags; code spans stay."""
    pieces = text.split("`")
    for at in range(0, len(pieces), 2):
        pieces[at] = re.sub(r"([<>*_|\[\]{}])", r"\\\1", pieces[at])
    return "`".join(pieces)


# -- recipe --------------------------------------------------------------------------------


def recipe_page() -> str:
    """Write the page of the recipe's fields with the shipped recipes."""
    plan, mini = (shipped(name) for name in ("plan", "mini"))
    rows = [row("field", "type", "plan", "mini", "meaning"), row(*["---"] * 5)]
    for name, field in Recipe.model_fields.items():
        default = Recipe.model_fields[name].get_default(call_default_factory=True)
        known = plan.get(name, None if field.is_required() else default)
        rows.append(
            row(
                f"`{name}`",
                type_of(field.annotation, field.metadata),
                value_of(known),
                value_of(mini[name]) if name in mini else "",
                field.description or "",
            )
        )
    lines = [
        "# The recipe",
        "",
        WRITTEN,
        "",
        "A recipe is a YAML file of settings, one a line. `--recipe FILE` reads it, `--set"
        " field=value` changes one setting, and an option such as `--protocol` goes before the"
        " file too. What neither sets is the plan's; with `--scale mini` the column *mini* goes"
        " before the plan's. An unknown field is an error that names the nearest one. A run"
        " folder's `recipe.yaml` holds every setting of its run.",
        "",
        *rows,
    ]
    for name in ("plan", "real", "mini", "mini-base"):
        text = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8").rstrip()
        lines += ["", f"## `{name}.yaml`", "", *fenced("yaml", text)]
    return "\n".join(lines) + "\n"


def shipped(name: str) -> dict[str, Any]:
    """The settings of a recipe that comes with encswap."""
    values = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def type_of(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    """Say in words what a field takes, with its bounds."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        said = ", ".join(f"`{value}`" for value in inner)
    elif hasattr(annotation, "__metadata__"):
        said = type_of(annotation.__origin__, list(annotation.__metadata__))
    elif origin is Union or isinstance(annotation, type(int | str)):
        kinds = [type_of(one) for one in inner if one is not type(None)]
        said = " or ".join(kinds) + (", or nothing" if type(None) in inner else "")
    elif origin is tuple:
        said = f"list of {type_of(inner[0])}"
    elif origin is not None and issubclass(origin, Mapping):
        said = f"mapping of {type_of(inner[0])} to {type_of(inner[1])}"
    else:
        said = {
            "str": "text",
            "int": "whole number",
            "float": "number",
            "bool": "true or false",
        }.get(getattr(annotation, "__name__", ""), "anything")
    bounds = ", ".join(bounds_of(metadata))
    return f"{said} {bounds}" if bounds else said


def bounds_of(metadata: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    """Say each bound of a number; those that a pydantic `Field` carries too."""
    for one in metadata:
        yield from bounds_of(getattr(one, "metadata", ()))
        for kind, key, sign in BOUNDS:
            if isinstance(one, kind):
                bound = getattr(one, key)
                yield f"{sign} {bound:,}" if isinstance(bound, int) else f"{sign} {bound:g}"


def value_of(value: Any) -> str:
    """Show a default as a person would write it in YAML."""
    if value is None or value in ({}, ()):
        return ""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


# -- public names --------------------------------------------------------------------------


def api_page() -> str:
    """Write the page of the public names."""
    lines = [
        "# Python API",
        "",
        WRITTEN,
        "",
        "These are the names of `encswap.__all__`: all that a plugin may import. Everything"
        " else can change in any version.",
    ]
    for name in encswap.__all__:
        thing = getattr(encswap, name)
        lines += section_of(name, getattr(api, name) if inspect.ismodule(thing) else thing)
    lines += ["", "## `encswap.testing`", "", inspect.cleandoc(testing.__doc__ or "")]
    for name in testing.__all__:
        lines += section_of(name, getattr(testing, name), level=3)
    return "\n".join(lines) + "\n"


def section_of(name: str, thing: Any, level: int = 2) -> list[str]:
    """The section of one name: how it is written, what it is for, its methods."""
    lines = ["", f"{'#' * level} `{name}`", ""]
    lines += fenced("text", f"{kind_of(thing)}{name}{signature_of(thing)}")
    lines += ["", remark_on(name) if isinstance(thing, int | str) else prose_of(thing)]
    for method, function in methods_of(thing):
        mark = "" if isinstance(function, property) else parameters_of(function)
        lines += ["", f"- `.{method}{mark}`: {prose_of(function)}"]
    return lines


def kind_of(thing: Any) -> str:
    """The word before a name."""
    return "class " if inspect.isclass(thing) else ""


def signature_of(thing: Any) -> str:
    """The parameters with their types and defaults; a dataclass has one field a line."""
    if is_dataclass(thing):
        return "(\n" + "".join(f"    {line},\n" for line in fields_of(thing)) + ")"
    if inspect.isclass(thing):
        own = vars(thing).get("__init__")
        return parameters_of(own) if own is not None and not is_protocol(thing) else ""
    if not callable(thing):
        return f" = {thing!r}"
    return parameters_of(thing if inspect.isfunction(thing) else type(thing).__call__)


def is_protocol(thing: Any) -> bool:
    """Tell whether a class only says what others must look like."""
    return bool(getattr(thing, "_is_protocol", False))


def fields_of(thing: Any) -> Iterator[str]:
    """The fields of a dataclass as they are written."""
    for field in fields(thing):
        default = ""
        if field.default is not MISSING:
            default = f" = {field.default!r}"
        elif field.default_factory is not MISSING:
            default = f" = {field.default_factory()!r}"
        yield f"{field.name}: {field.type}{default}"


class AsWritten(str):
    """An annotation that is shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


def parameters_of(function: Callable[..., Any]) -> str:
    """A function's parameters as they are written, without `self`."""
    told = inspect.signature(function)
    kept = [
        one.replace(annotation=as_written(one.annotation))
        for one in told.parameters.values()
        if one.name != "self"
    ]
    result = told.return_annotation
    result = inspect.Signature.empty if result in (None, "None") else as_written(result)
    return str(told.replace(parameters=kept, return_annotation=result))


def as_written(annotation: Any) -> Any:
    """An annotation that is text stays text."""
    return AsWritten(annotation) if isinstance(annotation, str) else annotation


def methods_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """A class's own public methods and properties, and how a protocol is called."""
    if not inspect.isclass(thing):
        return
    for name, value in vars(thing).items():
        wanted = inspect.isfunction(value) or isinstance(value, property)
        if wanted and (not name.startswith("_") or (name == "__call__" and is_protocol(thing))):
            yield name, value


def prose_of(thing: Any) -> str:
    """The docstring; of what is neither class nor function, the first paragraph of its class's."""
    text = inspect.cleandoc(thing.__doc__ or "")
    if not (inspect.isclass(thing) or inspect.isfunction(thing) or isinstance(thing, property)):
        text = " ".join(text.split("\n\n")[0].split())
    return text


def remark_on(constant: str) -> str:
    """The remark behind a constant in the package's source."""
    source = inspect.getsource(encswap)
    found = re.search(rf"^{constant} = .*?  # (.+)$", source, re.MULTILINE)
    return f"{constant.replace('_VERSION', ' version')} {found[1]}." if found else ""


# -- pages ---------------------------------------------------------------------------------


def fenced(language: str, text: str) -> list[str]:
    """A fenced block."""
    return [f"```{language}", text, "```"]


def row(*cells: str) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "recipe.md": recipe_page,
    "api.md": api_page,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
