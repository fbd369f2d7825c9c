"""What of a checkpoint goes to the hub, and the way there through the hub's own client."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap.errors import EncswapError, InputError, SourceError
from encswap.hub import HUB_ID, endpoint, git_blob, why_unreachable
from encswap.manifest import MANIFEST

CARD = "README.md"
MESSAGE = "Upload a checkpoint with its card by encswap"
HOW_TO_SIGN_IN = "sign in with `hf auth login`, or set HF_TOKEN to a token that may write"
BEGUN = frozenset({".gitattributes", "README.md"})
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_CONFIGS = re.compile(r"config\.json|encoder_config/config\.json|tokenizer_config\.json")
_OTHERS = re.compile(
    r"encswap\.json|model\.safetensors\.index\.json|tokenizer\.json|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.(txt|json)|merges\.txt|chat_template\.jinja"
    r"|(spm|spiece|sentencepiece\.bpe|tokenizer)\.model"
)
_PICKLES = re.compile(r".*\.(bin|pt|pth|pkl|pickle|ckpt|joblib)")
_ABSOLUTE = re.compile(r"(/|~[/\\]|[A-Za-z]:[/\\]|\\\\)[^\n]*[^/\\\n]")
_WORDS_OF_PEOPLE = ("labels", "descriptions")


@dataclass(frozen=True)
class Item:
    """One file of an upload: its name there, and its content or where that lies."""

    name: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def collect(checkpoint: Path, more: Iterable[str] = ()) -> list[Item]:
    """List the files of a checkpoint that go to the hub; `more` names files beside the usual ones.

    Config files go without the folders of this machine: of an absolute path the last name is left.
    Raises `InputError` for a pickle, for a file of unknown kind, and where weights are missing.
    """
    found = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    items = [_item(path, path.relative_to(checkpoint).as_posix(), set(more)) for path in found]
    if not any(_WEIGHTS.fullmatch(item.name) for item in items):
        raise InputError("holds no model.safetensors", where=checkpoint)
    return items


def _item(path: Path, name: str, more: set[str]) -> Item:
    if _PICKLES.fullmatch(name):
        raise InputError(
            "is a pickle, which can run code; nothing is uploaded",
            where=path,
            hint="take it out of the checkpoint; the weights go as model.safetensors",
        )
    if _WEIGHTS.fullmatch(name):
        _refuse_no_safetensors(path)
    elif name == MANIFEST or _CONFIGS.fullmatch(name):
        return Item(name, _without_folders(path))
    elif name not in more and not _OTHERS.fullmatch(name):
        raise InputError(
            "belongs to no checkpoint; nothing is uploaded",
            where=path,
            hint="take it out of the folder",
        )
    return Item(name, path)


def _refuse_no_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy"):
            return
    except (SafetensorError, OSError) as error:
        raise InputError(f"is no whole safetensors file: {error}", where=path) from error


def _without_folders(path: Path) -> bytes:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is no JSON: {error}", where=path) from error
    return (json.dumps(drop_folders(whole), ensure_ascii=False, indent=2) + "\n").encode()


def drop_folders(value: Any) -> Any:
    """Leave of every absolute path its last name; what people wrote of labels stays as it is."""
    if isinstance(value, Mapping):
        return {
            key: one if key in _WORDS_OF_PEOPLE else drop_folders(one) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [drop_folders(one) for one in value]
    if isinstance(value, str) and _ABSOLUTE.fullmatch(value):
        return re.split(r"[/\\]", value)[-1]
    return value


def refuse_bad_name(repo: str) -> None:
    """Refuse what cannot be the name of a repository on the hub."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
        good = HUB_ID.fullmatch(repo) is not None
    except HFValidationError:
        good = False
    if not good:
        raise InputError(
            f"{repo!r} is no repository name", hint="write OWNER/NAME with letters, digits, - _ ."
        )


def publish(
    repo: str,
    items: Sequence[Item],
    *,
    private: bool,
    update: bool,
    stage: Callable[[str], None],
) -> str:
    """Upload the files as one commit and return its address; a repository is made where none is.

    Nothing can be read there before the commit, so what was cut off is simply begun again; files
    that have arrived are not sent twice. Raises `SourceError` in one line, never with the token.
    """
    if reason := why_unreachable():
        raise SourceError(f"nothing can be uploaded: {reason}", hint=_way_out(reason))
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    token = get_token()
    if not token:
        raise SourceError(f"no token for {endpoint()}", hint=HOW_TO_SIGN_IN)
    _keep_quiet()
    api = HfApi(endpoint=endpoint(), token=token)
    operations = [CommitOperationAdd(item.name, _content(item)) for item in items]
    try:
        found = _look(api, repo)
        if found is None:
            stage(f"create {repo} ({'private' if private else 'public'})")
            api.create_repo(repo, private=private)
        else:
            _refuse_other(found, repo, items, private=private, update=update)
        stage(f"upload {len(items)} files, {told_size(sum(item.size for item in items))}")
        parent = found.sha if found is not None else None
        done = api.create_commit(repo, operations, commit_message=MESSAGE, parent_commit=parent)
    except EncswapError:
        raise
    except Exception as error:
        message, hint = _told(error, token)
        raise SourceError(f"{repo}: {message}", hint=hint) from None
    return str(done.commit_url)


def _content(item: Item) -> bytes | str:
    return item.content if isinstance(item.content, bytes) else str(item.content)


def _keep_quiet() -> None:
    """Failures are told in one line; what the client logs of them would stand beside it."""
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)


def _look(api: Any, repo: str) -> Any:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(repo, files_metadata=True)
    except RepositoryNotFoundError as error:
        if _status(error) == 401:  # the hub says so of every repository where a token is bad
            api.whoami()
        return None


def _refuse_other(
    found: Any, repo: str, items: Sequence[Item], *, private: bool, update: bool
) -> None:
    """Refuse a public repository for what was meant to be private, and one that is taken."""
    if private and found.private is False:
        raise InputError(f"{repo} is public", hint="give --public, or another name")
    there = {one.rfilename: one.blob_id for one in found.siblings or ()}
    manifest = next(item.content for item in items if item.name == MANIFEST)
    same = isinstance(manifest, bytes) and there.get(MANIFEST) == git_blob(manifest)
    if set(there) - BEGUN and not same and not update:
        raise InputError(
            f"{repo} holds something else already; nothing is overwritten",
            hint="give another name, or --update: its history keeps what was there",
        )


def _way_out(reason: str) -> str:
    if reason.endswith("is set"):
        return f"unset {reason.split(maxsplit=1)[0]}, or look with --dry-run"
    return "try again, or look with --dry-run"


def _status(error: BaseException) -> int | None:
    """The HTTP status of an error or of what caused it."""
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        cause = cause.__cause__
    return None


def _told(error: Exception, token: str) -> tuple[str, str]:
    """Say what went wrong and what to do; the token is struck out wherever it stands."""
    status = _status(error)
    said = {
        401: ("the token is not accepted (HTTP 401)", HOW_TO_SIGN_IN),
        403: ("the token may not write here (HTTP 403)", "check the owner's name and the token"),
        404: ("no such owner or repository (HTTP 404)", "check the owner's name and the token"),
        409: ("it is there already, or being written (HTTP 409)", "repeat it, or check the name"),
        412: ("it changed while it was written (HTTP 412)", "repeat the command"),
        429: ("the hub limits the rate (HTTP 429)", "wait a few minutes, then repeat the command"),
    }
    if status in said:
        return said[status]
    if status is not None:
        return f"the hub answered HTTP {status}", "repeat the command"
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    first = (str(cause).splitlines() or [""])[0].replace(token, "***")
    return f"the upload was cut off: {type(cause).__name__}: {first}", "repeat the command"


def told_size(size: int) -> str:
    """Tell a number of bytes as a person would."""
    number = float(size)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
