"""`encswap serve` as a process: answers, limits, refusals, and an end that loses nothing."""

from __future__ import annotations

import importlib.util
import json
import random
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
_spec = importlib.util.spec_from_file_location(
    "serve_server", Path(__file__).with_name("server.py")
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
Server = _module.Server


@pytest.fixture(scope="module")
def server():
    with Server("--max-body-mb", "0.05", "--max-texts", "20", "--receive-timeout", "1") as one:
        yield one


def numbers(text, label="Number", score=0.5):
    import re

    return [
        {"start": a.start(), "end": a.end(), "label": label, "text": a[0], "score": score}
        for a in re.finditer("[0-9]+", text)
    ]


def test_one_text_and_several_are_answered_in_their_order(server):
    assert server.extract(text="가 12, 🧬 7") == (200, {"entities": numbers("가 12, 🧬 7")})
    texts = ["1", "", "x 22 333"]
    assert server.extract(texts=texts) == (200, {"documents": [numbers(one) for one in texts]})
    assert server.extract(texts=[]) == (200, {"documents": []})


def test_a_request_may_name_labels_and_threshold(server):
    status, found = server.extract(text="5", labels=["Dose", "Dose"], threshold=0.25)
    assert (status, found) == (200, {"entities": numbers("5", "Dose", 0.25)})


WRONG = [
    ({}, "text"),
    ({"text": 3}, "text"),
    ({"text": None}, "text"),
    ({"text": "a", "texts": ["a"]}, "text"),
    ({"texts": ["a", 1]}, "texts.1"),
    ({"texts": "a"}, "texts"),
    ({"texts": ["a"] * 21}, "texts"),
    ({"text": "a", "labels": [""]}, "labels.0"),
    ({"text": "a", "labels": ["\u200b "]}, "labels"),
    ({"text": "a", "labels": ["x" * 1001]}, "labels.0"),
    ({"text": "a", "labels": ["x"] * 257}, "labels"),
    ({"text": "a", "labels": ["[E] x"]}, "labels"),
    ({"text": "a", "labels": "Drug"}, "labels"),
    ({"text": "a", "threshold": 0}, "threshold"),
    ({"text": "a", "threshold": "0.5"}, "threshold"),
    ({"text": "a", "flat": 1}, "flat"),
    ({"text": "a", "more": 1}, "more"),
    ({"text": "\ud800"}, "text"),
    ({"text": "broken"}, "labels"),
]


@pytest.mark.parametrize(("asked", "field"), WRONG)
def test_a_wrong_request_gets_422_with_its_field(server, asked, field):
    status, body = server.extract(**asked)
    assert status == 422 and body["detail"][0]["field"] == field
    assert len(json.dumps(body)) < 2000


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a"', b"null", b'{"text": NaN}', b"\xff\xfe"])
def test_a_body_that_is_no_request_gets_422(server, body):
    status, answer = server.request("POST", "/extract", body)
    assert status == 422 and json.loads(answer)["detail"][0]["field"]


def test_a_body_that_is_nested_too_deep_is_refused(server):
    assert server.request("POST", "/extract", b"[" * 20_000)[0] in (400, 422)


def test_a_body_that_is_too_large_is_refused_declared_or_not(server):
    assert server.request("POST", "/extract", b"x" * 60_000)[0] == 413
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
        chunk = b"7530\r\n" + b"x" * 30_000 + b"\r\n"
        raw.sendall(b"POST /extract HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        raw.sendall(2 * chunk)
        assert raw.recv(100).startswith(b"HTTP/1.1 413")  # before the last chunk is sent
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
        raw.sendall(b"POST /extract HTTP/1.1\r\nhost: a\r\ncontent-length: 104857600\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413")  # before any of it is sent


def test_a_slow_client_is_let_go_and_costs_nobody_else_time(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
        raw.sendall(b"POST /extract HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{")
        began = time.monotonic()
        assert server.extract(text="1")[0] == 200
        assert raw.recv(100).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 20


def test_an_error_inside_the_model_is_one_request_s_own(server):
    with ThreadPoolExecutor(4) as pool:
        bad = [
            pool.submit(server.request, "POST", "/extract", b'{"text": "crash"}') for _ in range(3)
        ]
        good = [pool.submit(server.extract, text=str(n)) for n in range(12)]
        assert all(one.result()[0] == 500 for one in bad)
        assert [one.result() for one in good] == [
            (200, {"entities": numbers(str(n))}) for n in range(12)
        ]  # fmt: skip


def test_health_readiness_page_and_openapi(server):
    assert server.request("GET", "/health")[0] == 200
    ready = json.loads(server.request("GET", "/ready")[1])
    assert ready == {"ready": True, "labels": ["Number"], "threshold": 0.5}
    page = server.request("GET", "/")[1].decode()
    assert "<textarea" in page and "http://" not in page and "https://" not in page
    paths = json.loads(server.request("GET", "/openapi.json")[1])["paths"]
    assert {"/extract", "/health", "/ready", "/metrics"} <= set(paths)
    assert server.request("GET", "/extract")[0] == 405
    assert server.request("GET", "/nothing")[0] == 404


def test_metrics_count_in_prometheus_form(server):
    def counted():
        text = server.request("GET", "/metrics")[1].decode()
        lines = [one.rsplit(" ", 1) for one in text.splitlines() if not one.startswith("#")]
        return {name: float(value) for name, value in lines}

    before = counted()
    server.extract(texts=["1 2", "3"])
    server.extract(text="a", labels=[""])
    after = counted()
    assert after["encswap_texts_total"] - before["encswap_texts_total"] == 2
    assert after["encswap_entities_total"] - before["encswap_entities_total"] == 3
    wrong = 'encswap_requests_total{path="/extract",status="422"}'
    assert after[wrong] - before.get(wrong, 0) == 1
    assert (
        after['encswap_request_seconds_bucket{le="+Inf"}'] == after["encswap_request_seconds_count"]
    )


def test_many_clients_share_batches_and_each_gets_its_own_answer(server):
    def ask(client):
        chosen = random.Random(client)
        for _ in range(10):
            text = f"{client} {chosen.randrange(10**9)} sleep:0.001"
            label = chosen.choice(["A", "B"])
            assert server.extract(text=text, labels=[label]) == (
                200, {"entities": numbers(text, label)},
            )  # fmt: skip

    before = metric(server, "encswap_batches_total")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))
    assert metric(server, "encswap_batches_total") - before < 160


def until(reached, seconds=30):
    """Wait, but not for ever."""
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        time.sleep(0.02)


def metric(server, name):
    text = server.request("GET", "/metrics")[1].decode()
    return float(next(one for one in text.splitlines() if one.startswith(name + " ")).split()[1])


def test_a_hundred_malformed_requests_are_all_refused_and_memory_stays(server):
    bodies = [json.dumps(asked).encode() for asked, _ in WRONG] + [b"{", b"\0" * 1000, b"[" * 3000]
    for body in bodies * 2:
        server.request("POST", "/extract", body)
    before = server.memory()
    for number in range(100):
        status, _ = server.request("POST", "/extract", bodies[number % len(bodies)])
        assert 400 <= status < 500
    assert server.memory() - before < 20 * 2**20


@pytest.mark.parametrize("clients", [1, 6])
def test_sigterm_answers_what_was_accepted_and_ends_with_zero(clients):
    with Server("--batch", "1") as server:
        found = []

        def ask(number):
            found.append(server.extract(text=f"{number} sleep:1"))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(clients)]
        for one in threads:
            one.start()
        until(lambda: found or metric(server, "encswap_texts_waiting") == clients)
        server.stop()
        for one in threads:
            one.join()
        code, told = server.finish()
        assert code == 0 and told == ""
        assert [status for status, _ in found] == [200] * clients


def test_more_texts_than_may_wait_get_503_and_a_slow_answer_504():
    with Server("--waiting", "2", "--timeout", "1", "--batch", "1") as server:
        with ThreadPoolExecutor(8) as pool:
            slow = [pool.submit(server.extract, text="sleep:1.5") for _ in range(6)]
            statuses = sorted(one.result()[0] for one in slow)
        assert 503 in statuses and 504 in statuses and set(statuses) <= {200, 503, 504}
        until(lambda: not metric(server, "encswap_texts_waiting"))
        assert server.extract(text="1")[0] == 200


def test_a_taken_port_and_a_folder_that_is_no_model_are_one_line(server, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "encswap", "serve", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr

    assert "cannot listen at" in run(str(tmp_path), "--port", str(server.port))
    assert "no encswap.json" in run(str(tmp_path), "--port", "0")
