"""The closed choices of options, shown in `--help` as `<one|other>`.

What an option was given is checked where it is used, which also knows what was meant by a misspelt
one. The names stand here a second time so that `--help` loads nothing; a test holds them to it.
"""

from __future__ import annotations

STRATEGIES = ("surgical", "fresh-heads", "scratch", "lora", "keep")
PROTOCOLS = ("dev", "plan")
SCALES = ("full", "mini")
OCCURRENCES = ("standalone", "all", "first")
OVERLAPS = ("auto", "allow", "nested", "disallow", "longest")
ALIGNMENTS = ("ridge", "procrustes", "phase")
LANGUAGES = ("en", "ko")
EXTRAS_TO_UPLOAD = ("metrics", "predictions", "report")
READ_FORMATS = (
    *("plan", "gliner2", "spans", "prodigy", "spacy", "doccano", "label-studio"),
    *("label-studio-min", "gliner1", "tokens", "klue", "kbmc", "conll", "kmou", "csv"),
    *("parquet", "hub", "brat", "docbin"),
)
WRITTEN_FORMATS = (
    *("plan", "gliner2", "spans", "spacy", "doccano", "gliner1", "tokens"),
    *("klue", "kbmc", "conll"),
)
FORMATS_HELP = f"One of: auto, {', '.join(READ_FORMATS)}."


def one_of(names: tuple[str, ...]) -> str:
    """How `--help` shows a closed choice."""
    return f"<{'|'.join(names)}>"
