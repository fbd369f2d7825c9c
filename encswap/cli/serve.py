"""`encswap serve`: a run or an export over HTTP."""

from __future__ import annotations

import typer

from encswap.cli.output import note

HELP = """Answer requests over HTTP with a run, a checkpoint or an export.

POST /extract takes {"text": …} or {"texts": […]}, and labels, threshold and flat for the request.
/health, /ready, /metrics (Prometheus) and /docs tell about the server; / is a page to try text by
hand. Concurrent requests share batches. Bound to this machine unless --host says otherwise.

Serve a run, and ask it from another terminal:
  encswap serve runs/first
  curl -s localhost:8000/extract -H 'content-type: application/json' -d '{"text": "…"}'
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("serve", help=HELP)(serve)


def serve(
    model: str = typer.Argument(
        ..., metavar="MODEL", help="A run folder, a checkpoint, its hub id, or an export."
    ),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen at."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="Port; 0 takes a free one."),
    batch: int = typer.Option(32, "--batch", min=1, max=1024, help="Texts in one batch."),
    wait_ms: float = typer.Option(
        4.0, "--wait-ms", min=0.0, max=1000.0, help="How long a text waits for others."
    ),
    waiting: int = typer.Option(2048, "--waiting", min=1, help="Texts that may wait; else 503."),
    max_body: float = typer.Option(4.0, "--max-body-mb", min=0.001, help="Largest request, MiB."),
    max_texts: int = typer.Option(256, "--max-texts", min=1, help="Texts in one request."),
    timeout: float = typer.Option(60.0, "--timeout", min=0.1, help="Seconds to an answer."),
    receive_timeout: float = typer.Option(
        30.0, "--receive-timeout", min=0.1, help="Seconds for a request's body to arrive."
    ),
) -> None:
    """Run the command."""
    import signal
    import socket

    from encswap.cli.progress import quiet_libraries
    from encswap.errors import EncswapError, InputError

    try:
        import fastapi
        import uvicorn
    except ImportError as error:
        raise EncswapError(
            "serving needs fastapi and uvicorn", hint='pip install "encswap[serve]"'
        ) from error
    del fastapi
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # who connects while the model is loaded waits, and is answered
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot listen at {host}:{port}: {reason}", hint="give another --port or --host"
        ) from error
    quiet_libraries()
    from encswap.api import open_model
    from encswap.serve.application import Limits, build_application
    from encswap.serve.batching import Batcher

    loaded = open_model(model)
    batcher = Batcher(loaded, most=batch, wait=wait_ms / 1000, depth=waiting)
    limits = Limits(int(max_body * 2**20), max_texts, receive_timeout, timeout)
    application = build_application(loaded, batcher=batcher, limits=limits)
    address, taken = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    note(f"serving {model} at http://{shown}:{taken}")
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(timeout) + 5,
        h11_max_incomplete_event_size=64 * 1024,
        server_header=False,
    )
    # uvicorn raises the signal that stopped it once more when all is answered.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        batcher.close()
        listener.close()
