"""Where a model's files come from: a registered name, a hub id, a folder or the mini cache."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from encswap.errors import SourceError, UnknownNameError, suggest
from encswap.files import cache_root
from encswap.hub import fetch
from encswap.manifest import MANIFEST, read_manifest
from encswap.plugins import Plugins, load_plugins
from encswap.specs import HUB_ID
from encswap.types import BaseSpec, EncoderSpec, Scale, Source

if TYPE_CHECKING:
    from encswap.types import Watcher

BuildMini = Callable[[Plugins, "Watcher", EncoderSpec | None], None]
"""Builds the mini model of an encoder, or the mini base where none is given."""
Need = Literal["metadata", "weights"]
MINI_BASE = "mini"
MODEL_FILES = ("config.json", "gliner_config.json", "modules.json")
_FOLDER = re.compile(r"^(\.{0,2}/|~|[A-Za-z]:[\\/])")


@dataclass(frozen=True)
class Models:
    """A base and an encoder with their files at hand."""

    spec: EncoderSpec
    base: Source
    encoder: Source


def find_models(
    plugins: Plugins,
    watcher: Watcher,
    *,
    base: str,
    encoder: str | None,
    scale: Scale,
    allow_pickle: bool = False,
    build_mini: BuildMini | None = None,
) -> Models:
    """Resolve a base and an encoder; `build_mini`, where given, builds mini models first.

    Without an encoder the base stands for its own. Raises `SourceError`; what a model's small files
    give away is found before its weights are fetched.
    """
    if encoder is None:
        found = find_base(plugins, watcher, base, build_mini, allow_pickle=allow_pickle)
        return Models(spec_of(base, plugins), found, found)
    spec = spec_of(encoder, plugins)
    if scale == "mini" and build_mini:
        build_mini(plugins, watcher, spec)
    refuse_unsafe(resolve(encoder, plugins, scale=scale, need="metadata"))
    if base != MINI_BASE:
        refuse_unsafe(resolve(base, plugins, need="metadata"))
    encoder_source = resolve(encoder, plugins, scale=scale, allow_pickle=allow_pickle)
    if base == MINI_BASE and build_mini:
        build_mini(plugins, watcher, None)
    base_source = resolve(base, plugins, allow_pickle=allow_pickle)
    return Models(spec, base_source, encoder_source)


def find_base(
    plugins: Plugins,
    watcher: Watcher,
    name: str,
    build_mini: BuildMini | None = None,
    *,
    allow_pickle: bool = False,
) -> Source:
    """Resolve a GLiNER2 model; the mini base is built first by `build_mini`, where given."""
    if name == MINI_BASE and build_mini:
        build_mini(plugins, watcher, None)
    elif name != MINI_BASE:
        refuse_unsafe(resolve(name, plugins, need="metadata"))
    return resolve(name, plugins, allow_pickle=allow_pickle)


def refuse_unsafe(source: Source) -> None:
    """Refuse a model whose small files name code or other files; `check` does the same."""
    from encswap.safety.content import refuse_hostile

    refuse_hostile(source.path, source.name)


def find_checkpoint(name: str | Path) -> Path:
    """The folder of a run, a checkpoint or an export; a hub id is fetched at one commit first.

    What lies on this machine goes first. Of the hub a checkpoint that encswap wrote is taken, never
    code; its small files are judged before its weights are fetched. Raises `SourceError`.
    """
    if not is_hub_id(name):
        return Path(name).expanduser()
    text = str(name)
    try:
        found = fetch_checkpoint(text, load_plugins())
    except SourceError as error:
        if error.where:
            raise
        raise SourceError(
            f"no such folder, nor on the hub: {error.message}", hint=error.hint
        ) from error
    if found is None:
        raise SourceError(
            f"{text} has no {MANIFEST}, so encswap did not write it",
            hint="`encswap eval` scores any GLiNER2 model",
        )
    return found


def fetch_checkpoint(hub_id: str, plugins: Plugins) -> Path | None:
    """Fetch a checkpoint that encswap wrote from the hub; None where it wrote no such thing."""
    source = resolve(hub_id, plugins, need="metadata")
    if not (source.path / MANIFEST).is_file():
        return None
    refuse_unsafe(source)
    refuse_files_elsewhere(source.path)
    return resolve(hub_id, plugins, revision=source.revision).path


def is_hub_id(name: str | Path) -> bool:
    """Tell whether a name is OWNER/NAME, with @REVISION or not, and nothing of that name is here.

    A path whose first folder is here, such as runs/missing, is a path.
    """
    text = str(name)
    plain, _ = split_revision(text)
    if not HUB_ID.fullmatch(plain) or isinstance(name, Path) or Path(text).exists():
        return False
    owner = plain.partition("/")[0]
    return owner not in (".", "..") and not Path(owner).is_dir()


def refuse_files_elsewhere(folder: Path) -> None:
    """Refuse a fetched manifest whose splitter would read a file that did not come with it."""
    record = read_manifest(folder).splitter
    for key, value in record.options.items():
        own = Path(record.files[key]["name"]).name if key in record.files else None
        if own is not None and (folder / own).is_file():
            continue
        if isinstance(value, str) and (own or re.search(r"[/\\]", value) or Path(value).exists()):
            raise SourceError(
                f"its splitter's {key} names a file that did not come with it: {value!r}",
                where=folder / MANIFEST,
                hint="`encswap push` uploads a copy beside the weights",
            )


def split_revision(name: str) -> tuple[str, str | None]:
    """Split `NAME@REVISION`; a folder is never split."""
    if "@" not in name or Path(name).expanduser().is_dir():
        return name, None
    plain, _, revision = name.rpartition("@")
    return plain, revision or None


def spec_of(name_or_path: str | Path, plugins: Plugins) -> EncoderSpec:
    """Return what is known of an encoder or a base: registered, a folder, or a hub id.

    Raises `UnknownNameError`, which lists the known names, where it is none of these; where a
    plugin that may have had it was set aside, it says which and why.
    """
    text = str(name_or_path)
    name, revision = split_revision(text)
    registered = plugins.encoders.get(name) or plugins.bases.get(name)
    if registered is not None:
        return registered
    if text == MINI_BASE:
        return BaseSpec(name=text, hub_id="")
    if (folder := _folder(text)) is not None:
        return EncoderSpec(name=folder.name or str(folder), hub_id="")
    if HUB_ID.fullmatch(name):
        known = {spec.hub_id: spec for spec in (plugins.encoders | plugins.bases).values()}
        return known.get(name) or EncoderSpec(name=name, hub_id=name, revision=revision)
    if (failed := plugins.failed_with(name)) is not None:
        raise UnknownNameError(
            "encoder", name, [], hint=f"plugin {failed.name!r} was set aside: {failed.error}"
        )
    raise UnknownNameError(
        "encoder", name, [*plugins.encoders, *plugins.bases], hint=_with_failures(name, plugins)
    )


def _with_failures(name: str, plugins: Plugins) -> str:
    """Suggest a known name; where plugins failed, the name may have been one of theirs."""
    known = suggest(name, [*plugins.encoders, *plugins.bases])
    failed = "; ".join(f"{one.name} ({one.error})" for one in plugins.failures())
    return f"{known}; plugins that were set aside: {failed}" if failed else known


def resolve(
    name_or_path: str | Path,
    plugins: Plugins,
    *,
    scale: Scale = "full",
    revision: str | None = None,
    allow_pickle: bool = False,
    cache: Path | None = None,
    need: Need = "weights",
) -> Source:
    """Find the files of an encoder or a base, fetching them at one pinned commit where needed.

    `revision` goes before `NAME@REVISION`, which goes before the registered one. `need` says
    whether the weights are wanted too. Raises `SourceError`.
    """
    text = str(name_or_path)
    if text == MINI_BASE:
        return _mini("base", text, cache)
    spec = spec_of(text, plugins)
    if not spec.hub_id:
        return _local(spec, Path(text).expanduser(), need, allow_pickle)
    if scale == "mini":
        registered = spec.name in plugins.encoders or spec.name in plugins.bases
        if not registered:
            raise SourceError(
                f"{text} has no mini scale", hint="only registered encoders and bases have one"
            )
        return _mini("base" if spec.name in plugins.bases else "encoder", spec.name, cache)
    wanted = revision or split_revision(text)[1] or spec.revision
    folder, listing = fetch(
        spec.hub_id, wanted, weights=need == "weights", allow_pickle=allow_pickle
    )
    return Source(
        name=spec.name,
        path=folder,
        kind="hub",
        identifier=spec.hub_id,
        revision=listing.commit,
        allow_pickle=allow_pickle,
        files=listing.sizes,
        pinned=wanted is not None,
    )


def mini_folder(
    kind: Literal["base", "encoder", "recorded"], name: str, cache: Path | None = None
) -> Path:
    """Return where the mini builder puts the model called `name`."""
    return (cache or cache_root()) / "mini" / kind / name


def _mini(kind: Literal["base", "encoder"], name: str, cache: Path | None) -> Source:
    folder = mini_folder(kind, name, cache)
    if not (folder / "config.json").is_file():
        raise SourceError(
            f"the mini model of {name!r} is not built yet", hint="`encswap demo` builds it"
        )
    return Source(name=name, path=folder, kind="mini", identifier=f"mini/{name}", pinned=True)


def _folder(text: str) -> Path | None:
    path = Path(text).expanduser()
    if path.is_dir():
        return path
    if _FOLDER.match(text) or path.exists():
        what = "is a file, not a folder" if path.exists() else "no such folder"
        raise SourceError(what, where=text, hint="give a folder with a config.json in it")
    return None


def refuse_no_model(name: str) -> None:
    """Refuse a folder that holds no model; a name that is no folder is left to `resolve`."""
    folder = _folder(name)
    if folder is not None and not any((folder / one).is_file() for one in MODEL_FILES):
        raise SourceError(
            "is no model: it has no config.json",
            where=folder,
            hint="give a folder saved by transformers' save_pretrained",
        )


def _local(spec: EncoderSpec, folder: Path, need: Need, allow_pickle: bool) -> Source:
    from encswap.hub import wanted_weights

    try:
        files = {
            str(path.relative_to(folder)): path.stat().st_size
            for path in sorted([*folder.glob("*"), *folder.glob("*/*")])
            if path.is_file()
        }
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=folder) from error
    refuse_no_model(str(folder))
    if need == "weights":
        wanted_weights(spec.name, files, allow_pickle)
    return Source(
        name=spec.name,
        path=folder,
        kind="folder",
        identifier=str(folder),
        allow_pickle=allow_pickle,
        files=files,
        pinned=True,
    )
