"""Files of every format, and what may happen to a file on its way.

A generator returns the content of a small file of its format; `GENERATORS` names the formats as
which such a file may be recognised. To add a format, write a generator and put it there.
"""

from __future__ import annotations

import csv
import io
import random
import runpy
import unicodedata
from collections.abc import Callable
from pathlib import Path

from encswap.data.formats.characters import write_characters
from encswap.data.formats.conll import write_words
from encswap.data.formats.sentences import HEADER, write_rows
from encswap.data.formats.strings import write_extraction, write_plan
from encswap.data.readers import FORMATS
from encswap.types import Example, Mention

KOREAN = "환자는 고혈압으로 인한 당뇨병이 심해 암로디핀을 투여하고 경과를 관찰하였다 간암 의심되어"
ENGLISH = "Hypertension was treated with insulin and the patient recovered after diabetes"
WORDS = (*KOREAN.split(), *ENGLISH.split())
MARKS = (".", ",", "(", ")", "3.5", "#", '"')
LABELS = ("DIS", "Drug", "PER", "Biomarker")

Generator = Callable[[random.Random], str]


def example(rng: random.Random, place: int = 0) -> Example:
    """Make a document of spaced words, some of them marked."""
    words = [rng.choice(WORDS if rng.random() < 0.9 else MARKS) for _ in range(rng.randint(3, 14))]
    text = " ".join(words)
    mentions, start, at = [], 0, 0
    while at < len(words):
        width = rng.randint(1, 2)
        span = " ".join(words[at : at + width])
        if rng.random() < 0.25:
            mentions.append(Mention(start, start + len(span), rng.choice(LABELS), span))
        start += len(span) + 1
        at += width
    return Example(f"doc-{place}", text, tuple(mentions))


def examples(rng: random.Random) -> list[Example]:
    return [example(rng, place) for place in range(rng.randint(2, 6))]


def conll(rng: random.Random) -> str:
    """Words and tags, in one of the shapes that people have."""
    mark = rng.choice(["\t", "\t", " "])
    style = rng.choice(["{0}-{1}", "{0}-{1}", "{0}_{1}", "{1}-{0}", "{1}_{0}"])
    middle = rng.choice([0, 0, 1, 2, 3])
    indexed, header = rng.random() < 0.3, rng.random() < 0.2
    last = rng.random() < 0.8
    blocks = []
    for number, one in enumerate(examples(rng)):
        rows = [f"# sent_id = {number}"] if rng.random() < 0.1 else []
        at = 0
        for count, word in enumerate(one.text.split(" "), start=1):
            inside = next((m for m in one.mentions if m.start <= at < m.end), None)
            tag = "O"
            if inside is not None:
                tag = style.format("B" if at == inside.start else "I", inside.label)
            others = [rng.choice(["NN", "VB", "JJ"]) for _ in range(middle)]
            cells = [word, *others, tag] if last else [word, tag, *others]
            rows.append(mark.join([str(count), *cells] if indexed else cells))
            at += len(word) + 1
        blocks.append("\n".join(rows))
    if rng.random() < 0.2:
        blocks.insert(0, rng.choice(["-DOCSTART- -X- O O", "-DOCSTART-\t-X-\tO", "-DOCSTART- O"]))
    names = ["word", *["pos"] * middle, "tag"] if last else ["word", "tag", *["pos"] * middle]
    first = mark.join((["id"] if indexed else []) + names) + "\n" if header else ""
    return first + "\n\n".join(blocks) + "\n"


def naver(rng: random.Random) -> str:
    """Index, word with its particle, and `TAG_B`, a dash outside."""
    blocks = []
    for one in examples(rng):
        words = one.text.split(" ")
        tags = [f"{rng.choice(LABELS)}_B" if rng.random() < 0.3 else "-" for _ in words]
        tags[0] = "PER_B"
        rows = zip(words, tags, strict=True)
        blocks.append("\n".join(f"{n}\t{word}\t{tag}" for n, (word, tag) in enumerate(rows, 1)))
    return "\n\n".join(blocks) + "\n"


def klue(rng: random.Random) -> str:
    return "".join(write_characters(one) for one in examples(rng))


def klue_nfd(rng: random.Random) -> str:
    """Composed characters written as several, a row each still."""
    return unicodedata.normalize("NFD", klue(rng))


def kbmc(rng: random.Random) -> str:
    header = f"{HEADER}\n" if rng.random() < 0.7 else ""
    return header + "".join(write_rows(one) for one in examples(rng))


def kbmc_csv(rng: random.Random) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["Sentence", "Tags"])
    for one in examples(rng):
        writer.writerow(write_rows(one).rstrip("\n").split("\t"))
    return stream.getvalue()


def kmou(rng: random.Random) -> str:
    """A sentence, its tagged copy and rows of morphemes."""
    blocks = []
    for number, one in enumerate(examples(rng), start=1):
        tagged = one.text
        for mention in reversed(one.mentions):
            marked = f"<{mention.text}:{mention.label}>"
            tagged = tagged[: mention.start] + marked + tagged[mention.end :]
        rows = [f"{n}\t{word}\tNNG\tO" for n, word in enumerate(one.text.split(" "), 1)]
        if rng.random() < 0.5:
            head = f"; {one.text}\n${tagged}\n"
        else:
            head = f"## {number}\n## {one.text}\n## {tagged}\n"
        blocks.append(head + "\n".join(rows) + "\n")
    return "\n".join(blocks)


def plan(rng: random.Random) -> str:
    return "".join(write_plan(one) for one in examples(rng))


def gliner2(rng: random.Random) -> str:
    return "".join(write_extraction(one) for one in examples(rng))


def written_conll(rng: random.Random) -> str:
    return "".join(write_words(one) for one in examples(rng))


def _written_as(name: str) -> Generator:
    def generate(rng: random.Random) -> str:
        chosen = FORMATS[name]
        assert chosen.write is not None
        header = f"{chosen.header}\n" if chosen.header else ""
        return header + "".join(chosen.write(one) for one in examples(rng))

    return generate


GENERATORS: dict[str, tuple[Generator, frozenset[str]]] = {
    "conll": (conll, frozenset({"conll"})),
    "conll, as written": (written_conll, frozenset({"conll"})),
    "naver": (naver, frozenset({"conll"})),
    "klue": (klue, frozenset({"klue"})),
    "klue, decomposed": (klue_nfd, frozenset({"klue"})),
    "kbmc": (kbmc, frozenset({"kbmc"})),
    "kbmc, CSV": (kbmc_csv, frozenset({"kbmc"})),
    "kmou": (kmou, frozenset({"kmou"})),
    "plan": (plan, frozenset({"plan"})),
    "gliner2": (gliner2, frozenset({"gliner2"})),
}
GENERATORS |= {
    f"{name}, as written": (_written_as(name), frozenset({name}))
    for name, one in FORMATS.items()
    if one.write is not None and name not in ("conll", "klue", "kbmc", "plan", "gliner2")
}

# Tests are no package, so that a module beside is loaded by its path.
_RECORDS = runpy.run_path(str(Path(__file__).with_name("fuzzing_records.py")))
GENERATORS |= _RECORDS["generators"](examples)

Mutation = Callable[[bytes, random.Random], bytes]


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")


def crlf(content: bytes, _rng: random.Random) -> bytes:
    return content.replace(b"\n", b"\r\n")


def old_mac(content: bytes, _rng: random.Random) -> bytes:
    return content.replace(b"\n", b"\r")


def bom(content: bytes, _rng: random.Random) -> bytes:
    return b"\xef\xbb\xbf" + content


def trailing_space(content: bytes, rng: random.Random) -> bytes:
    """White space behind some lines, blank ones too."""
    tail = rng.choice([b" ", b"\t", b"  ", b" \t"])
    return b"\n".join(line + tail * (rng.random() < 0.3) for line in _lines(content))


def spaces_for_tabs(content: bytes, rng: random.Random) -> bytes:
    return content.replace(b"\t", rng.choice([b" ", b"    ", b"\t\t", b" \t "]))


def a_space_for_a_tab(content: bytes, rng: random.Random) -> bytes:
    return b"\n".join(
        line.replace(b"\t", b" ") if rng.random() < 0.1 else line for line in _lines(content)
    )


def further_column(content: bytes, rng: random.Random) -> bytes:
    """A column behind or before those of every row."""
    cell = rng.choice([b"X", b"1", b"_"])
    behind = rng.random() < 0.5
    return b"\n".join(
        (line + b"\t" + cell if behind else cell + b"\t" + line) if line.strip() else line
        for line in _lines(content)
    )


def last_column_lost(content: bytes, _rng: random.Random) -> bytes:
    return b"\n".join(line.rpartition(b"\t")[0] or line for line in _lines(content))


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randint(0, len(content))]


def beheaded(content: bytes, rng: random.Random) -> bytes:
    return content[rng.randint(0, len(content)) :]


def other_bytes(content: bytes, rng: random.Random) -> bytes:
    """A few bytes replaced by any."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 5)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def lower(content: bytes, _rng: random.Random) -> bytes:
    return content.lower()


def upper(content: bytes, _rng: random.Random) -> bytes:
    return content.upper()


def doubled_rows(content: bytes, rng: random.Random) -> bytes:
    return b"\n".join(
        line + b"\n" + line if rng.random() < 0.2 else line for line in _lines(content)
    )


def lost_rows(content: bytes, rng: random.Random) -> bytes:
    return b"\n".join(line for line in _lines(content) if rng.random() > 0.2)


def shuffled_rows(content: bytes, rng: random.Random) -> bytes:
    lines = _lines(content)
    rng.shuffle(lines)
    return b"\n".join(lines)


def header(content: bytes, rng: random.Random) -> bytes:
    first = rng.choice([b"word\ttag", b"Sentence,Tags", b"# a remark", b"## remark", b"text"])
    return first + b"\n" + content


def blank_lines(content: bytes, rng: random.Random) -> bytes:
    return b"\n".join(
        line + b"\n" * rng.choice([1, 2]) if rng.random() < 0.15 else line
        for line in _lines(content)
    )


def no_blank_lines(content: bytes, _rng: random.Random) -> bytes:
    return b"\n".join(line for line in _lines(content) if line.strip())


def decomposed(content: bytes, _rng: random.Random) -> bytes:
    return unicodedata.normalize("NFD", content.decode("utf-8", "replace")).encode()


MUTATIONS: tuple[Mutation, ...] = (
    crlf,
    old_mac,
    bom,
    trailing_space,
    spaces_for_tabs,
    a_space_for_a_tab,
    further_column,
    last_column_lost,
    truncated,
    beheaded,
    other_bytes,
    lower,
    upper,
    doubled_rows,
    lost_rows,
    shuffled_rows,
    header,
    blank_lines,
    no_blank_lines,
    decomposed,
)


def mutated(name: str, seed: int) -> bytes:
    """Generate a file of `name` and let one or two things happen to it."""
    rng = random.Random(f"{name} {seed}")
    content = GENERATORS[name][0](rng).encode()
    for mutation in rng.sample(MUTATIONS, rng.randint(0, 2)):
        content = mutation(content, rng)
    return content
