"""What every request and answer passes, before and after everything else."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

MAX_BODY = 100_000

PROBES = ("/health", "/ready")


class Draining:
    """What goes before the end.

    A connection that a client keeps open leads here even when no new one does, and closing it may lose the request that
    is on its way. So after SIGTERM the server serves for some seconds more, and each answer says that its connection
    ends: the client opens another, to another replica. Then uvicorn's own handler finishes what is in flight.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.on = False

    @asynccontextmanager
    async def on_sigterm(self) -> AsyncIterator[None]:
        # A test's server runs in a thread, where there are no signals; without seconds uvicorn's handler does it all.
        if not self._seconds or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        end = signal.getsignal(signal.SIGTERM)

        def drain() -> None:
            if self.on or not callable(end):
                return
            self.on = True
            log.info("ending in %s s: connections are sent elsewhere", self._seconds)
            loop.call_later(self._seconds, end, signal.SIGTERM, None)

        loop.add_signal_handler(signal.SIGTERM, drain)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)


class Edge:
    """Names the replica, refuses bodies that are too large, and ends connections while draining."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app, self._draining = app, draining
        self._name = socket.gethostname()
        logging.getLogger("uvicorn.access").addFilter(_is_no_probe)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Served-By"] = self._name
                if self._draining.on:
                    headers["Connection"] = "close"
            await send(message)

        if refusal := _refusal(Headers(scope=scope)):
            await refusal(scope, receive, send_marked)
        else:
            await self._app(scope, receive, send_marked)


def _refusal(headers: Headers) -> JSONResponse | None:
    if "transfer-encoding" in headers:
        return JSONResponse({"detail": "the length has to be said"}, status_code=411)
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) <= MAX_BODY:
        return None
    return JSONResponse({"detail": "this is too large"}, status_code=413)


def _is_no_probe(record: logging.LogRecord) -> bool:
    """Keeps what the cluster asks each second out of the log."""
    arguments = record.args
    return not (isinstance(arguments, tuple) and len(arguments) > 2 and arguments[2] in PROBES)
