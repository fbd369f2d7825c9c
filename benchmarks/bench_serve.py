"""`encswap serve` under load: answers to their own texts, malformed requests, an end by SIGTERM.

    python benchmarks/bench_serve.py --sentences ../shared/data/klue-ner-v1.1_dev.tsv \
        --out benchmarks/results/serve.json

The model is an export with drawn weights, or the run or export that `--model` names. Every answer
is compared with what the model finds in that text alone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drawn_models import LABELS, SHAPES, draw

os.environ.setdefault("HF_HUB_OFFLINE", "1")
Spans = list[tuple[int, int, str]]
MALFORMED: tuple[Any, ...] = (
    *(b"", b"{", b"[]", b"null", b'{"text": NaN}', b"\xff\xfe", b"[" * 3000, b"\0" * 1000),
    *({}, {"text": 3}, {"text": None}, {"text": "a", "texts": ["a"]}, {"texts": ["a", 1]}),
    *({"texts": "a"}, {"text": "a", "labels": [""]}, {"text": "a", "labels": ["x" * 10_000]}),
    *({"text": "a", "labels": ["x"] * 1000}, {"text": "a", "labels": ["[E] x"]}),
    *({"text": "a", "threshold": 0}, {"text": "a", "threshold": "1"}, {"text": "a", "more": 1}),
)


class Server:
    """A server process on loopback."""

    def __init__(self, model: Path) -> None:
        command = [sys.executable, "-m", "encswap", "serve", str(model), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.told = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)\n", self.told)):
            line = self.process.stderr.readline()
            if not line:
                raise SystemExit(f"no server: {self.told}")
            self.told += line
        self.port = int(found[1])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def memory(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(model: Path) -> Iterator[Server]:
    server = Server(model)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def ask(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", "/extract", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def spans_in(answer: bytes) -> Spans:
    return [(one["start"], one["end"], one["label"]) for one in json.loads(answer)["entities"]]


def under_load(server: Server, known: dict[str, Spans], clients: int, seconds: float) -> Any:
    """Ask without a pause from many clients; compare each answer with that of its own text."""
    texts, until = list(known), time.monotonic() + seconds
    statuses: Counter[int] = Counter()
    took: list[float] = []
    mixed = [0]
    lock = threading.Lock()

    def client(number: int) -> None:
        chosen, connection = random.Random(number), server.connect()
        while time.monotonic() < until:
            text = chosen.choice(texts)
            began = time.perf_counter()
            status, answer = ask(connection, json.dumps({"text": text}).encode())
            done = time.perf_counter() - began
            wrong = status == 200 and spans_in(answer) != known[text]
            with lock:
                statuses[status] += 1
                took.append(done)
                mixed[0] += wrong

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        for one in [pool.submit(client, number) for number in range(clients)]:
            one.result()
    whole = time.monotonic() - began
    cuts = statistics.quantiles(took, n=100)
    return {
        "clients": clients,
        "seconds": whole,
        "requests": len(took),
        "statuses": {str(key): count for key, count in sorted(statuses.items())},
        "answers_of_another_text": mixed[0],
        "requests_per_second": len(took) / whole,
        "seconds_p50": cuts[49],
        "seconds_p95": cuts[94],
        "seconds_p99": cuts[98],
    }


def malformed(server: Server, requests: int, clients: int = 4) -> Any:
    """Send requests that are none; the memory is taken after a tenth of them and at the end."""
    bodies = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in MALFORMED]
    statuses: Counter[int] = Counter()

    def send(count: int) -> None:
        def client(number: int) -> Counter[int]:
            connection = server.connect()
            found: Counter[int] = Counter()
            for place in range(number, count, clients):
                found[ask(connection, bodies[place % len(bodies)])[0]] += 1
            return found

        with ThreadPoolExecutor(clients) as pool:
            for found in pool.map(client, range(clients)):
                statuses.update(found)

    send(requests // 10)
    before = server.memory()
    send(requests - requests // 10)
    return {
        "requests": statuses.total(),
        "statuses": {str(key): count for key, count in sorted(statuses.items())},
        "refused": sum(count for key, count in statuses.items() if 400 <= key < 500),
        "bytes_after_a_tenth": before,
        "bytes_at_the_end": server.memory(),
    }


def ended(server: Server, known: dict[str, Spans], clients: int) -> Any:
    """Stop the server while requests wait; count those that were accepted, and their answers."""
    texts = list(known)[: 8 * clients]
    found: list[tuple[int, bool]] = []

    def client(number: int) -> None:
        some = texts[number::clients]
        status, answer = ask(server.connect(), json.dumps({"texts": some}).encode())
        mine = json.loads(answer)["documents"] if status == 200 else []
        right = [[(e["start"], e["end"], e["label"]) for e in one] for one in mine]
        found.append((status, right == [known[text] for text in some]))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for one in threads:
        one.start()
    connection = server.connect()
    waiting = 0.0
    while not found and waiting < len(texts):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        waiting = max(float(n) for n in re.findall(r"^encswap_texts_waiting (\S+)$", text, re.M))
    connection.close()
    server.process.send_signal(signal.SIGTERM)
    for one in threads:
        one.join()
    code = server.process.wait(timeout=120)
    return {
        "clients": clients,
        "texts_waiting_at_sigterm": waiting,
        "answered_rightly": sum(status == 200 and right for status, right in found),
        "exit_code": code,
    }


def exported(folder: Path, shape: str, texts: list[str]) -> Path:
    """Export a drawn model."""
    from encswap.export.folder import ExportOptions, export_run
    from encswap.plugins import load_plugins
    from encswap.types import Unwatched

    proof = folder / "proof.jsonl"
    nothing: dict[str, list[str]] = {label: [] for label in LABELS}
    lines = [json.dumps({"text": text, "entities": nothing}) for text in texts[:16]]
    proof.write_text("\n".join(lines), encoding="utf-8")
    run = draw(folder / "run", texts, shape=shape)
    export_run(run, folder / "out", load_plugins(), Unwatched(), ExportOptions(data=str(proof)))
    return folder / "out"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=Path, default=Path("data/ko-medical/test.jsonl"))
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="6x384")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from encswap.api import open_model
    from encswap.data.readers import read_examples
    from encswap.quiet import quiet

    texts = [one.text for one in read_examples(options.sentences)]
    texts = list(dict.fromkeys(texts))[: options.documents]
    result: dict[str, Any] = {
        "sentences": options.sentences.name,
        "documents": len(texts),
        "model": options.model.name if options.model else f"drawn, {options.shape}, ONNX float32",
        "cores": os.cpu_count(),
    }
    with tempfile.TemporaryDirectory() as name, quiet():
        model = options.model or exported(Path(name), options.shape, texts)
        asked = open_model(model)
        known = {
            text: [(a.start, a.end, a.label) for a in asked.predict([text])[0]] for text in texts
        }
        result["spans"] = sum(map(len, known.values()))
        with serving(model) as server:
            result["load_average"] = os.getloadavg()
            result["load"] = under_load(server, known, options.clients, options.seconds)
            result["malformed"] = malformed(server, options.malformed)
            result["sigterm"] = ended(server, known, options.clients)
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
