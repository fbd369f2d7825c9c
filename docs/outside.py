"""Hooks of mkdocs: files outside `docs/` that a page links to become part of the site.

A page may link to a test or a result as `../tests/…`, which works where the repository is read. In
the site the same link leads to a copy. A link to a file that does not exist fails the build.

`REPOSITORY_URL` on a page is filled from the environment variable `ENCSWAP_REPOSITORY`, as the
package's metadata are. A build by mike shows the menu of versions.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(\.\./([\w./-]+)\)")
COPIES = "repository"
PLACEHOLDER = "REPOSITORY_URL"


def on_config(config: Any) -> Any:
    """Name the repository where its address is known, and the versions where mike builds one."""
    if address := os.environ.get("ENCSWAP_REPOSITORY"):
        config.repo_url = address
        config.repo_name = address.rstrip("/").rpartition("/")[2]
    if os.environ.get("MIKE_DOCS_VERSION"):
        config.extra["version"] = {"provider": "mike", "alias": True}
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add each linked file once; text of any kind is shown by a browser as .txt."""
    wanted = {target for page in files.documentation_pages() for target in LINK.findall(read(page))}
    for target in sorted(wanted):
        if (ROOT / target).is_file():
            text = (ROOT / target).read_text(encoding="utf-8")
            files.append(File.generated(config, f"{COPIES}/{target}.txt", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead the links to the copies, and name the repository."""
    markdown = markdown.replace(PLACEHOLDER, os.environ.get("ENCSWAP_REPOSITORY") or PLACEHOLDER)
    return LINK.sub(rf"]({COPIES}/\1.txt)", markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Name the dialog of the search: Material gives it a role and no name for screen readers."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def read(page: File) -> str:
    """The page as it is written."""
    return page.content_string
