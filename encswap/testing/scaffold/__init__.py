"""A new plugin's package, from templates that are real files in `plugin/`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from encswap import API_VERSION, __version__, files
from encswap.errors import InputError
from encswap.specs import faults_of_name
from encswap.testing.scaffold.recorded import Known, facts_code

TEMPLATES = Path(__file__).parent / "plugin"
SUFFIX = ".tmpl"
PREFIX = "encswap-"
PACKAGE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class NewPlugin:
    """A plugin to be written: its name, the model on the hub, and what is known of that."""

    name: str
    hub_id: str
    known: Known = field(default_factory=Known)

    @property
    def distribution(self) -> str:
        """The package's name."""
        return PREFIX + self.name

    @property
    def module(self) -> str:
        """The module's name."""
        return re.sub(r"[-.]", "_", self.distribution)


def plugin_name(text: str) -> str:
    """Normalise a plugin's name as packages are; `InputError` where it is no package name."""
    name = re.sub(r"[-_.]+", "-", text).lower().removeprefix(PREFIX)
    if not PACKAGE_NAME.fullmatch(text) or not name:
        raise InputError(
            f"{text!r} is no package name",
            hint="letters, digits and - _ . , a letter or digit first and last: my-encoder",
        )
    if fault := next(faults_of_name(name), ""):
        raise InputError(fault)
    return name


def refuse_existing(folder: Path) -> None:
    """Refuse a path that exists, or where nothing can be written."""
    if folder.exists() or folder.is_symlink():
        raise InputError("is there already; nothing was written", where=folder, hint="give --out")
    if not folder.parent.is_dir():
        raise InputError("no such folder to put it in", where=folder.parent)


def write_plugin(plugin: NewPlugin, folder: Path) -> list[Path]:
    """Write the package into a new folder, in one step, and list its files."""
    refuse_existing(folder)
    try:
        with files.new_folder(folder) as beside:
            for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
                path = beside / _file_name(template.relative_to(TEMPLATES).as_posix(), plugin)
                path.parent.mkdir(parents=True, exist_ok=True)
                text = Template(template.read_text(encoding="utf-8"))
                path.write_text(text.substitute(_values(plugin)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=folder) from error
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _file_name(template: str, plugin: NewPlugin) -> str:
    named = {
        "module.py": f"{plugin.module}.py",
        "tests/test_plugin.py": f"tests/test_{plugin.module}.py",
    }
    plain = template.removesuffix(SUFFIX)
    return named.get(plain, plain)


def _values(plugin: NewPlugin) -> dict[str, str]:
    known = plugin.known
    remarks = [f"- Not recorded: {remark}" for remark in known.remarks]
    return {
        "name": plugin.name,
        "hub_id": plugin.hub_id,
        "distribution": plugin.distribution,
        "module": plugin.module,
        "encswap": ".".join(__version__.split(".")[:2]),
        "api": str(API_VERSION),
        "imports": "EncoderSpec, Fact, hookimpl" if known.facts else "EncoderSpec, hookimpl",
        "date": f'DATE = "{known.date}"\n' if known.facts else "",
        "revision": f'    revision="{known.revision}",\n' if known.revision else "",
        "facts": facts_code(known.facts),
        "remarks": "\n".join(remarks) or "Everything that encswap records is recorded.",
    }
