"""The HTTP application: `/extract`, health, readiness, metrics, and a page to try text by hand."""

# No `from __future__ import annotations`: FastAPI reads the annotations of nested functions.
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from encswap import __version__
from encswap.api import Extractor
from encswap.errors import EncswapError
from encswap.gliner.markers import refuse_markers
from encswap.gliner.schema import distinct_labels
from encswap.serve.batching import Batcher, BusyError, ClosedError, Question, as_error
from encswap.serve.measures import Measures
from encswap.types import Prediction

PAGE = Path(__file__).with_name("page.html")
MOST_LABELS = 256
MOST_LABEL = 1_000
Label = Annotated[str, StringConstraints(min_length=1, max_length=MOST_LABEL)]
Probability = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
PATHS = ("/", "/extract", "/health", "/ready", "/metrics", "/docs", "/openapi.json")


@dataclass(frozen=True)
class Limits:
    """What one request may be: bytes of its body, texts, seconds to arrive and to be answered."""

    body: int = 4 * 2**20
    texts: int = 256
    receive: float = 30.0
    answer: float = 60.0


class ExtractRequest(BaseModel):
    """One text, or several; labels where others than the model's own are asked."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: str | None = Field(None, description="one text")
    texts: list[str] | None = Field(None, description="several texts, answered in their order")
    labels: list[Label] | None = Field(
        None, description="what to find; default: the model's own", max_length=MOST_LABELS
    )
    threshold: Probability | None = Field(None, description="default: the model's own")
    flat: bool = Field(False, description="one label a span")


class Entity(BaseModel):
    """A span of a text, characters [start, end)."""

    start: int
    end: int
    label: str
    text: str
    score: float


class Extracted(BaseModel):
    """What was found: `entities` for one text, `documents` for several, in their order."""

    entities: list[Entity] | None = None
    documents: list[list[Entity]] | None = None


class FieldError(EncswapError):
    """A field of a request is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def build_application(model: Extractor, *, batcher: Batcher, limits: Limits) -> FastAPI:
    """Build the application around a loaded model; the batcher is closed when it ends."""
    measures = Measures()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(batcher.close)

    app = FastAPI(title="encswap", version=__version__, lifespan=lifespan)
    app.state.measures = measures

    @app.middleware("http")
    async def count(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await call(request)
        path = request.url.path if request.url.path in PATHS else "other"
        measures.request(path, response.status_code, time.perf_counter() - began)
        return response

    app.add_middleware(BodyLimit, limits=limits)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": [_fault(one) for one in error.errors()[:20]]}, 422)

    @app.exception_handler(FieldError)
    async def wrong(_request: Request, error: FieldError) -> JSONResponse:
        return JSONResponse({"detail": [{"field": error.field, "message": str(error)}]}, 422)

    @app.post("/extract", response_model_exclude_none=True)
    async def extract(asked: ExtractRequest) -> Extracted:
        texts, question = _question(asked, model, limits)
        found = await _answered(batcher, texts, question, limits.answer)
        documents = [
            [_entity(text, one) for one in spans] for text, spans in zip(texts, found, strict=True)
        ]
        measures.extracted(len(texts), sum(map(len, texts)), sum(map(len, documents)))
        if asked.text is not None:
            return Extracted(entities=documents[0])
        return Extracted(documents=documents)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        full = batcher.size >= batcher.depth
        state = {"ready": not full, "labels": list(model.labels), "threshold": model.threshold}
        return JSONResponse(state, 503 if full else 200)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        text = measures.text(waiting=batcher.size, batches=batcher.batches)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    @app.get("/", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))

    return app


def _question(
    asked: ExtractRequest, model: Extractor, limits: Limits
) -> tuple[list[str], Question]:
    """Check what pydantic cannot; raises `FieldError`."""
    if (asked.text is None) == (asked.texts is None):
        raise FieldError("text", "give either text or texts")
    texts = [asked.text] if asked.text is not None else (asked.texts or [])
    field = "text" if asked.text is not None else "texts"
    if len(texts) > limits.texts:
        raise FieldError("texts", f"{len(texts)} texts, at most {limits.texts} are taken at once")
    for text in texts:
        if not text.isascii() and any(0xD800 <= ord(char) < 0xE000 for char in text):
            raise FieldError(field, "holds half a character, which is no text")
    if asked.labels is None and not model.labels:
        raise FieldError("labels", "the model was saved without labels; name some")
    try:
        labels = distinct_labels(asked.labels or ())
        refuse_markers(labels)
    except EncswapError as error:
        raise FieldError("labels", str(error)) from error
    return texts, Question(labels, asked.threshold, asked.flat)


async def _answered(
    batcher: Batcher, texts: list[str], question: Question, seconds: float
) -> list[list[Prediction]]:
    from fastapi import HTTPException

    if not texts:
        return []
    try:
        waiting = asyncio.wrap_future(batcher.submit(texts, question))
        return await asyncio.wait_for(waiting, seconds)
    except (BusyError, ClosedError) as error:
        raise HTTPException(503, as_error(error), {"Retry-After": "1"}) from error
    except TimeoutError as error:
        raise HTTPException(504, f"no answer within {seconds:g} s") from error
    except EncswapError as error:
        raise FieldError("labels", str(error)) from error


def _entity(text: str, one: Prediction) -> Entity:
    return Entity(
        start=one.start,
        end=one.end,
        label=one.label,
        text=text[one.start : one.end],
        score=round(one.score, 6),
    )


def _fault(error: Any) -> dict[str, str]:
    """What is wrong with a field, without what was sent: it may be long or not printable."""
    parts = [str(part) for part in error["loc"] if part != "body"]
    return {"field": ".".join(parts)[:100] or "body", "message": str(error["msg"])[:200]}


class BodyLimit:
    """Refuse a body that is too large, before it is read, or that arrives too slowly."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body here, bounded, and hand it on."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.limits.body:
            await self._refuse(413, f"a body has at most {self.limits.body} bytes", scope, send)
            return
        try:
            body = await asyncio.wait_for(self._read(receive), self.limits.receive)
        except TimeoutError:
            await self._refuse(408, "the body arrives too slowly", scope, send)
            return
        if body is None:
            await self._refuse(413, f"a body has at most {self.limits.body} bytes", scope, send)
            return
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    async def _read(self, receive: Receive) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.limits.body:
                return None
            if not message.get("more_body"):
                return b"".join(parts)

    async def _refuse(self, status: int, told: str, scope: Scope, send: Send) -> None:
        detail = [{"field": "body", "message": told}]
        response = JSONResponse({"detail": detail}, status, {"connection": "close"})

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await response(scope, nothing, send)
