"""What of a checkpoint goes to the hub, and the way there through the hub's own client."""

from __future__ import annotations

import json
import logging
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap import files
from encswap.errors import EncswapError, InputError, SourceError
from encswap.files import checksum
from encswap.hub import endpoint, git_blob, why_unreachable
from encswap.manifest import MANIFEST
from encswap.specs import HUB_ID

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
_COPIES = re.compile(r"splitter-[A-Za-z0-9_-]+\.txt")
_PICKLES = re.compile(r".*\.(bin|pt|pth|pkl|pickle|ckpt|joblib)")
_ABSOLUTE = re.compile(r"(/|~[/\\]|[A-Za-z]:[/\\]|\\\\)[^\n]*[^/\\\n]")
_TOKENS = re.compile(r"\bhf_[A-Za-z0-9]{8,}|(?<=Bearer )[^\s\"',;]+")
BAD_REQUEST, SERVER_ERROR = 400, 500
REFUSED_CARD = (400, 422)
NO_SUCH_PAGE = (404, 405, 501)
LONGEST_REASON = 400
_WORDS_OF_PEOPLE = ("labels", "descriptions")
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Item:
    """One file of an upload: its name there, and its content or where that lies.

    `stamp` tells a file apart from another one that took its place since it was looked at.
    """

    name: str
    content: Path | bytes
    stamp: Stamp = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @classmethod
    def of(cls, name: str, path: Path) -> Item:
        """Take a regular file as it is now; whatever else has that name is refused."""
        return cls(name, path, regular_file(path))

    def refuse_changed(self) -> None:
        """Refuse a file that is not the one any more that was looked at."""
        if isinstance(self.content, Path) and regular_file(self.content) != self.stamp:
            raise InputError("changed meanwhile; nothing is uploaded", where=self.content)


def regular_file(path: Path) -> Stamp:
    """Refuse a link, a folder, a device: what would go up may lie anywhere. Returns its stamp."""
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise InputError("no such file", where=path) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    if stat.S_ISLNK(found.st_mode):
        raise _irregular("is a symbolic link", path)
    if not stat.S_ISREG(found.st_mode):
        raise _irregular("is no regular file", path)
    if found.st_nlink > 1:
        raise _irregular("is a hard link: it has another name elsewhere", path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _irregular(what: str, path: Path) -> InputError:
    return InputError(
        f"{what}; nothing is uploaded",
        where=path,
        hint="put a copy of the file itself there, or take it out of the folder",
    )


def regular_files(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder, in order; links, also of folders, and devices are refused."""
    if folder.is_symlink() or not folder.is_dir():
        raise _irregular("is no folder of its own", folder)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from regular_files(path)
        else:
            regular_file(path)
            yield path


def collect(checkpoint: Path, more: Iterable[str] = ()) -> list[Item]:
    """List the files of a checkpoint that go to the hub; `more` names files beside the usual ones.

    Config files go without the folders of this machine: of an absolute path the last name is left.
    Raises `InputError` for a link, a pickle, a file of unknown kind, and where weights are missing.
    """
    found = list(regular_files(checkpoint))
    items = [_item(path, path.relative_to(checkpoint).as_posix(), set(more)) for path in found]
    if not any(_WEIGHTS.fullmatch(item.name) for item in items):
        raise InputError("holds no model.safetensors", where=checkpoint)
    return items


def splitter_copies(record: Mapping[str, Any], checkpoint: Path) -> list[str]:
    """Name the files that the word splitter needs; they lie in the checkpoint, as recorded.

    Raises `InputError` where the manifest names a file elsewhere, or one that is not what it was.
    """
    splitter = record.get("splitter")
    splitter = splitter if isinstance(splitter, Mapping) else {}
    files, options = (splitter.get(key) or {} for key in ("files", "options"))
    manifest = checkpoint / MANIFEST
    if not isinstance(files, Mapping) or not isinstance(options, Mapping):
        raise InputError("its splitter's files are no JSON object", where=manifest)
    for key, value in options.items():
        if key not in files and _names_a_file(value):
            raise _outside(key, value, manifest)
    return [_copy(key, one, checkpoint) for key, one in files.items()]


def _copy(key: str, known: Any, checkpoint: Path) -> str:
    name = known.get("name") if isinstance(known, Mapping) else known
    if not isinstance(name, str) or not _COPIES.fullmatch(name):
        raise _outside(key, name, checkpoint / MANIFEST)
    regular_file(checkpoint / name)
    if checksum(checkpoint / name) != known.get("sha256"):
        raise InputError(
            f"is not the splitter's {key} that {MANIFEST} records", where=checkpoint / name
        )
    return name


def _outside(key: str, value: object, manifest: Path) -> InputError:
    return InputError(
        f"names a file for the splitter's {key} that does not lie in the run: {value!r}",
        where=manifest,
        hint="train with --user-dictionary, which keeps a copy beside the weights",
    )


def _names_a_file(value: object) -> bool:
    return isinstance(value, str) and (
        "/" in value or "\\" in value or value in (".", "..") or Path(value).exists()
    )


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
    return Item.of(name, path)


@contextmanager
def staged(items: Sequence[Item]) -> Iterator[Path]:
    """Lay out what would be uploaded, as whoever fetches it would find it; weights are linked."""
    with files.scratch("push") as folder:
        for item in items:
            path = folder / item.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(item.content, bytes):
                files.write_bytes(path, item.content)
            else:
                path.symlink_to(item.content.absolute())
        yield folder


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
        _validate_card(items, token)
        found = _look(api, repo)
        if found is None:
            stage(f"create {repo} ({'private' if private else 'public'})")
            api.create_repo(repo, private=private)
        else:
            _refuse_other(found, repo, items, private=private, update=update)
        stage(f"upload {len(items)} files, {told_size(sum(item.size for item in items))}")
        for item in items:
            item.refuse_changed()
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


def _validate_card(items: Sequence[Item], token: str) -> None:
    """Let the hub judge the card before anything is created; a mirror may not have that page."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        build_hf_headers,
        get_session,
    )

    card = next((item.content for item in items if item.name == CARD), None)
    if not isinstance(card, bytes):
        return
    body = {"repoType": "model", "content": card.decode("utf-8")}
    answer = get_session().post(
        f"{endpoint()}/api/validate-yaml", json=body, headers=build_hf_headers(token=token)
    )
    if answer.status_code in NO_SUCH_PAGE:
        return
    judged = answer.status_code < BAD_REQUEST or answer.status_code in REFUSED_CARD
    if judged and (errors := _errors_of(answer)):
        raise InputError(
            f"the hub refuses the card (HTTP {answer.status_code}): "
            f"{_struck(errors, token)}; nothing was created",
            hint="see it with --dry-run; --licence and --language set what it says of them",
        )
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    hf_raise_for_status(answer)


def _errors_of(answer: Any) -> str:
    """Say what a page of the hub found wrong, in one line; empty where it found nothing."""
    try:
        found = answer.json()
    except ValueError:
        return str(answer.text) if answer.status_code == BAD_REQUEST else ""
    errors = found.get("errors") or found.get("error") if isinstance(found, dict) else None
    if not errors:
        return str(answer.text) if answer.status_code == BAD_REQUEST else ""
    listed = errors if isinstance(errors, list) else [errors]
    return "; ".join(
        str(one.get("message", one)) if isinstance(one, dict) else str(one) for one in listed
    )


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
        413: ("it is larger than the hub takes (HTTP 413)", "ask the hub for more room"),
        429: ("the hub limits the rate (HTTP 429)", "wait a few minutes, then repeat the command"),
    }
    if status in said:
        message, hint = said[status]
        return message + _reason(error, token), hint
    if status is not None and BAD_REQUEST <= status < SERVER_ERROR:
        reason = _reason(error, token)
        return f"the hub refuses it: HTTP {status}{reason}", "mend what it names, then repeat it"
    if status is not None:
        return f"the hub answered HTTP {status}", "repeat the command"
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    first = _struck(str(cause), token)
    if isinstance(cause, ValueError):  # the hub's client found something wrong by itself
        return f"the hub's client refuses it: {first}", "mend what it names, then repeat"
    return f"the upload was cut off: {type(cause).__name__}: {first}", "repeat the command"


def _reason(error: Exception, token: str) -> str:
    """What the hub itself says of a refusal, after a colon; empty where it says nothing."""
    cause: BaseException | None = error
    while cause is not None:
        told = getattr(cause, "server_message", None)
        response = getattr(cause, "response", None)
        if not told and response is not None:
            told = response.headers.get("X-Error-Message") or _errors_of(response)
        if told:
            return f": {_struck(str(told), token)}"
        cause = cause.__cause__
    return ""


def _struck(text: str, token: str) -> str:
    """Strike out tokens, and put a text into one line of bounded length."""
    for secret in filter(None, (token, token.strip())):
        text = text.replace(secret, "***")
    line = " ".join(_TOKENS.sub("***", text).split())
    return f"{line[:LONGEST_REASON]}…" if len(line) > LONGEST_REASON else line


def told_size(size: int) -> str:
    """Tell a number of bytes as a person would."""
    number = float(size)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
