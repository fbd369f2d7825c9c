"""Tables are whole at any width: nothing is cut, numbers never wrap, a pipe has no width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from rich.cells import cell_len

from encswap.cli.tables import lay_out, table, wrap

NUMBER = re.compile(r"\d[\d,.]*%?")
COLUMNS = ("encoder", "splitter", "mean", "95% interval", "what was found")
ROWS = (
    ("ko-deberta", "whitespace", "21.34", "0.512–0.634", "12 of 696 documents do not fit"),
    ("스티븐스존슨증후군", "kiwi", "1,021.30", "0.5–0.6", "nothing"),
)
RIGHT = ("mean", "95% interval")
WIDTHS = (20, 40, 60, 80, 120, None)


def printed(width: int | None) -> list[str]:
    drawn = lay_out(COLUMNS, ROWS, right=RIGHT, width=width)
    return [*drawn.header, *(line for row in drawn.rows for line in row)]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_table_is_as_wide_as_the_terminal_and_holds_every_word_and_number(width: int | None):
    lines = printed(width)
    assert width is None or max(map(cell_len, lines)) <= width
    words = " ".join(lines).split()
    for row in ROWS:
        for cell in row:
            assert set(cell.split()) <= set(words)
    # The first cell of a block stands for itself.
    assert set(" ".join(COLUMNS[1:]).split()) <= set(words)


@pytest.mark.parametrize("width", [66, 80, 120, None])
def test_columns_line_up_where_they_fit(width: int | None):
    drawn = lay_out(COLUMNS, ROWS, right=RIGHT, width=width)
    *header, rule = drawn.header
    assert set(rule) <= {"─", " "}
    starts = [found.start() for found in re.finditer("─+", rule)]
    for line in (*header, *(line for row in drawn.rows for line in row)):
        if len(line) == cell_len(line):
            assert all(line[start - 1 : start] in ("", " ") for start in starts)


def test_a_pipe_has_no_width():
    long = [("ko-deberta", "x" * 500, "1", "2", "word " * 200)]
    assert [len(row) for row in lay_out(COLUMNS, long, right=RIGHT).rows] == [1]


def test_what_there_is_not_takes_no_place_in_a_block():
    drawn = lay_out(("plugin", "hooks", "state"), [("kiwi", "–", "x" * 30)], width=20)
    assert drawn.rows == [["kiwi", "  state", "  " + "x" * 30]]


def test_where_columns_do_not_fit_each_row_becomes_a_block_of_names_and_values():
    drawn = lay_out(COLUMNS, ROWS, right=RIGHT, width=40)
    assert drawn.header == []
    assert drawn.rows[0] == [
        "ko-deberta",
        "  splitter whitespace   mean 21.34",
        "  95% interval 0.512–0.634",
        "  what was found 12 of 696 documents do",
        "  not fit",
    ]


def test_a_block_that_begins_with_a_number_says_of_what():
    drawn = lay_out(("line", "text"), [("12", "a" * 30)], right=("line",), width=20)
    assert drawn.rows == [["line 12", "  text", "  " + "a" * 30]]


@pytest.mark.parametrize("width", [1, 7, 30])
def test_wrapping_loses_no_word_and_never_breaks_one(width: int):
    text = "당뇨병 환자에게 인슐린을 투여하였다. a/long/path/that/cannot/be/broken"
    assert " ".join(wrap(text, width)) == text


def test_a_table_of_scores_is_whole_as_markdown_too():
    drawn = table([("label", "F1"), ("a|b", "0.5")], markdown=True)
    assert drawn == "| label | F1 |\n| --- | ---: |\n| a\\|b | 0.5 |\n"


def in_a_terminal(width: int, *arguments: str) -> str:
    """What a command prints on a terminal of this width, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    more = {"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": os.environ.get("HOME", "/")}
    process = subprocess.Popen(
        [sys.executable, "-m", "encswap", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=more,
    )
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so where the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    process.wait()
    os.close(ours)
    text = b"".join(chunks).decode().replace("\r\n", "\n")
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def piped(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "encswap", *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout


@pytest.fixture(scope="module")
def wide() -> dict[tuple[str, ...], str]:
    return {command: piped(*command) for command in COMMANDS}


INSPECT = ("data", "inspect", "ko-medical/test.jsonl", "--splitter", "whitespace,char")
COMMANDS = (INSPECT, ("plugins", "list"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: " ".join(one[:2]))
@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_command_prints_on_any_terminal_the_numbers_that_it_prints_into_a_pipe(
    command: tuple[str, ...], width: int, wide: dict[tuple[str, ...], str]
):
    text = in_a_terminal(width, *command)
    longer = [line for line in text.splitlines() if cell_len(line) > width]
    assert [line for line in longer if "/" not in line] == []  # a path stays whole
    assert "…" not in text
    found, wanted = set(NUMBER.findall(text)), set(NUMBER.findall(wide[command]))
    assert wanted <= found


def test_into_a_pipe_every_plugin_has_one_line(wide: dict[tuple[str, ...], str]):
    lines = wide["plugins", "list"].splitlines()
    (kiwi,) = [line for line in lines if line.startswith("kiwi ")]
    assert "register_word_splitters" in kiwi and kiwi.endswith("ok")
