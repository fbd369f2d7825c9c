"""`encswap push`: upload a run's checkpoint to the hub, with a card."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.choices import EXTRAS_TO_UPLOAD, one_of
from encswap.cli.output import is_terminal, note, write

if TYPE_CHECKING:
    from encswap.report.card import About
    from encswap.report.upload_files import Item

HELP = """Upload a run's checkpoint to the Hugging Face hub, with a card made from its records.

The repository is private unless --public is given. Weights (safetensors), tokenizer, configs,
encswap.json and the card go there, as one commit; no documents, predictions or paths of this
machine. An upload that was cut off is begun again by the same command. It needs a token that may
write: `hf auth login`, or HF_TOKEN.

See what an upload would hold:
  encswap push runs/first someone/gliner2-mine --dry-run

Upload a run, for yourself alone:
  encswap push runs/first someone/gliner2-mine --language ko --licence apache-2.0
"""
EXTRAS = {
    "metrics": "metrics.json",
    "predictions": "predictions.jsonl",
    "report": "report.html",
}
CONFIG = "config.json"
HINT = "give a finished run's folder, as `encswap train` writes it"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("push", help=HELP)(push)


def push(
    run: Path = typer.Argument(..., metavar="RUN", help="The folder of a finished run."),
    repo: str = typer.Argument(..., metavar="REPO", help="Where it goes on the hub: OWNER/NAME."),
    public: bool = typer.Option(False, "--public", help="Everybody may read it."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show files and card, upload nothing."),
    card: Path = typer.Option(None, "--card", help="Also write the card to this new file."),
    update: bool = typer.Option(
        False, "--update", help="Commit over a repository that holds something else."
    ),
    language: list[str] = typer.Option(
        [], "--language", help="A language of the model for the card, as the hub writes it: ko."
    ),
    licence: str = typer.Option(
        "", "--licence", help="The model's licence for the card: apache-2.0."
    ),
    guard: bool = typer.Option(
        False,
        "--guard",
        help="Let plain gliner2, which has not the model's words, refuse it and say so.",
    ),
    extras: list[str] = typer.Option(
        [],
        "--with",
        metavar=one_of(EXTRAS_TO_UPLOAD),
        help="Also upload this; predictions and report hold the test documents.",
    ),
) -> None:
    """Run the command."""
    from encswap.report.upload import publish, refuse_bad_name

    refuse_bad_name(repo)
    items, text = gather(run, repo, extras, language, licence, guard=guard)
    if card is not None:
        _write_card(card, text)
    if dry_run:
        _show(items, None if card is not None else text)
        note(f"nothing was uploaded; it would go to {repo} ({'public' if public else 'private'})")
        return
    if not is_terminal(stderr=True):
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    try:
        address = publish(
            repo, items, private=not public, update=update, stage=lambda name: note(f"{name} …")
        )
    except KeyboardInterrupt as stop:
        note("interrupted; the same command begins again")
        raise typer.Exit(130) from stop
    write(address)


def gather(
    folder: Path,
    repo: str,
    extras: list[str],
    languages: list[str],
    licence: str,
    *,
    guard: bool = False,
) -> tuple[list[Item], str]:
    """Collect what goes to the hub, the card first, and return the card's text beside it.

    Cheap checks come first; at last what would be uploaded is loaded and asked.
    """
    from dataclasses import replace

    from encswap.report.card import check_card, check_languages, check_licence, write_card
    from encswap.report.run_results import read_scores
    from encswap.report.upload import CARD
    from encswap.report.upload_files import (
        Item,
        collect,
        drop_folders,
        regular_file,
        splitter_copies,
    )

    licence, languages = check_licence(licence), check_languages(languages)
    refuse_unfinished(folder)
    chosen = [Item.of(_extra(name), folder / _extra(name)) for name in dict.fromkeys(extras)]
    for name in ("encswap.json", "metrics.json"):
        regular_file(folder / name)
    run = read_scores(folder)
    checkpoint = folder / "checkpoint"
    items = collect(checkpoint, [*splitter_copies(run.record, checkpoint), *_inner(checkpoint)])
    run = replace(run, record=drop_folders(run.record))
    if guard:
        items = [_guarded(item, run.record) if item.name == CONFIG else item for item in items]
    about = describe(run.record, repo, languages, licence)
    text = write_card(run, replace(about, guarded=guard))
    check_card(text)
    _prove(items, run.asked)
    return [Item(CARD, text.encode()), *items, *chosen], text


def _guarded(item: Item, record: Mapping[str, Any]) -> Item:
    """The config with a note for plain gliner2, where the model's words are not gliner2's."""
    import json
    from dataclasses import replace

    from encswap.errors import InputError
    from encswap.report.card import OWN_SPLITTER
    from encswap.safety.guard import guarded

    name = str((record.get("splitter") or {}).get("name"))
    if name == OWN_SPLITTER:
        raise InputError(
            "the model's words are gliner2's own, so it needs no guard",
            where="--guard",
            hint="leave it out",
        )
    assert isinstance(item.content, bytes)  # configs go up without the folders of a machine
    config = guarded(json.loads(item.content), name)
    return replace(item, content=json.dumps(config, ensure_ascii=False, indent=2).encode())


def _inner(checkpoint: Path) -> list[str]:
    """The splitter's files by the checkpoint's own manifest, which is what goes up."""
    from encswap.report.run_results import read_recorded
    from encswap.report.upload_files import regular_file, splitter_copies

    regular_file(checkpoint / "encswap.json")
    return splitter_copies(read_recorded(checkpoint), checkpoint)


def _prove(items: list[Item], labels: list[str]) -> None:
    """Load what would be uploaded, laid out as whoever fetches it would find it."""
    from encswap.cli.progress import quiet_libraries
    from encswap.errors import EncswapError, InputError
    from encswap.report.upload_files import staged
    from encswap.swap.checkpoint import prove_checkpoint

    quiet_libraries()
    with staged(items) as laid:
        try:
            prove_checkpoint(laid, labels)
        except EncswapError as error:
            name = error.where.replace(f"{laid}/", "").replace(str(laid), "")
            message = error.message.replace(f"{laid}/", "").replace(str(laid), "the checkpoint")
            raise InputError(
                f"{name + ' ' if name else ''}{message}; nothing is uploaded",
                where="the checkpoint",
                hint="train it again, or take a whole copy of the folder",
            ) from error


def refuse_unfinished(folder: Path) -> None:
    """Refuse a folder that is no run, and a run that has not finished."""
    from encswap.errors import InputError

    if not (folder / "encswap.json").is_file():
        raise InputError("is no run: it has no encswap.json", where=folder, hint=HINT)
    if not (folder / "checkpoint").is_dir() and not (folder / "metrics.json").is_file():
        raise InputError("holds no scores, so there is no card for it", where=folder, hint=HINT)
    if not (folder / "metrics.json").is_file():
        raise InputError(
            "has not finished", where=folder, hint=f"go on with: encswap train --resume {folder}"
        )
    if not (folder / "checkpoint").is_dir():
        raise InputError("has no checkpoint", where=folder, hint=HINT)


def describe(record: Mapping[str, Any], repo: str, languages: list[str], licence: str) -> About:
    """Find what the card tells besides the run: licences that are recorded, names of data."""
    from encswap.data.input import shipped_name
    from encswap.plugins import load_plugins
    from encswap.report.card import About

    plugins = load_plugins()
    known = {**plugins.encoders, **plugins.bases}
    licences = {}
    for side in ("base", "encoder"):
        made = record.get(side) or {}
        if str(made.get("identifier")).startswith("mini/") and not made.get("revision"):
            licences[side] = "a mini model, which holds nobody's weights"
            continue
        spec = known.get(str(made.get("name")))
        fact = spec.facts.get("licence") if spec is not None else None
        if fact is not None and fact.value:
            licences[side] = f"{fact.value} (recorded {fact.date}, {_mark(fact.mark)})"
    recipe, sums = record.get("recipe") or {}, record.get("data") or {}
    shipped = {role: shipped_name(digest) for role, digest in sums.items()}
    return About(
        repo=repo,
        licences=licences,
        sets={role: shipped[role] or str(recipe.get(role) or "") for role in sums},
        shipped=frozenset(name for name in shipped.values() if name),
        licence=licence,
        languages=tuple(languages),
    )


def _mark(mark: str) -> str:
    from encswap.types import MARK_MEANINGS

    return MARK_MEANINGS[mark]  # type: ignore[index]


def _extra(name: str) -> str:
    from encswap.errors import UnknownNameError

    if name not in EXTRAS:
        raise UnknownNameError("--with", name, list(EXTRAS))
    return EXTRAS[name]


def _write_card(path: Path, text: str) -> None:
    from encswap import files
    from encswap.errors import InputError

    try:
        files.write_text(path, text, new=True)
    except FileExistsError as error:
        raise InputError("exists; nothing is overwritten", where=path) from error
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path) from error
    note(f"card: {path}")


def _show(items: list[Item], text: str | None) -> None:
    from encswap.cli.tables import table
    from encswap.report.upload import told_size

    rows: list[Any] = [("file", "size"), *((item.name, told_size(item.size)) for item in items)]
    rows.append(("all", told_size(sum(item.size for item in items))))
    write(table(rows, markdown=False))
    if text is not None:
        write(text)
