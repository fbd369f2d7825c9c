"""The way to the hub through its own client: one commit, and every failure in one line."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from encswap.errors import EncswapError, InputError, SourceError
from encswap.hub import endpoint, git_blob, why_unreachable
from encswap.manifest import MANIFEST
from encswap.report.upload_files import Item
from encswap.specs import HUB_ID

CARD = "README.md"
MESSAGE = "Upload a checkpoint with its card by encswap"
HOW_TO_SIGN_IN = "sign in with `hf auth login`, or set HF_TOKEN to a token that may write"
BEGUN = frozenset({".gitattributes", "README.md"})
_TOKENS = re.compile(r"\bhf_[A-Za-z0-9]{8,}|(?<=Bearer )[^\s\"',;]+")
BAD_REQUEST, SERVER_ERROR = 400, 500
REFUSED_CARD = (400, 422)
NO_SUCH_PAGE = (404, 405, 501)
LONGEST_REASON = 400


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
    # Not HfApi.upload_folder: with hf_xet it commits in batches, so that a cut upload can be read
    # half (huggingface_hub 2.4, _upload_pipeline), and it reads the folder anew, links and all.
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
