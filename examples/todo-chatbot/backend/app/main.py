"""The application: `uvicorn app.main:app`."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError

from .chat import Chat
from .database import Unavailable
from .edge import Draining, Edge
from .limits import TooMany
from .mail import Mailer
from .reminders import Repeater, deliver
from .routes import auth, chat, health, reminders, tasks
from .services import Services
from .settings import Settings

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
# Of these, a line for every request says nothing new.
for name in ("httpx2", "mcp"):
    logging.getLogger(name).setLevel(logging.WARNING)
log = logging.getLogger(__name__)

ROUTERS = [health.router, auth.router, tasks.router, reminders.router, chat.router]


def create_app(settings: Settings) -> FastAPI:
    services = Services.of(settings)
    draining = Draining(settings.drain_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.database.open()
        repeaters = repeated_work(services)
        for repeater in repeaters:
            repeater.start()
        async with draining.on_sigterm(), app.state.chat.running():
            yield
        # Here the requests in flight at SIGTERM have been answered.
        await asyncio.to_thread(lambda: [repeater.end() for repeater in repeaters])
        services.database.close()

    # The reference of the routes is for those who write against them.
    reference = None if settings.environment == "production" else "/openapi.json"
    app = FastAPI(title="todo-chatbot", version="1.0.0", lifespan=lifespan, openapi_url=reference)
    app.state.services, app.state.chat = services, Chat(services)
    for router in ROUTERS:
        app.include_router(router)
        # An Ingress hands /api/… on as it is.
        app.include_router(router, prefix="/api", include_in_schema=False)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_credentials=True,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Retry-After"],
    )
    app.add_middleware(Edge, draining=draining)
    app.add_exception_handler(Unavailable, database_unavailable)
    app.add_exception_handler(TooMany, too_many)
    app.add_exception_handler(DataError, not_storable)
    return app


def repeated_work(services: Services) -> list[Repeater]:
    """What the server does by itself, on every replica; the database sees to it that it is done once."""
    settings, fired = services.settings, services.reminders
    work = [
        Repeater("reminders", 1, lambda: fired.fire(by_mail=settings.has_mail)),
        Repeater("forgetting", 600, services.forget_what_is_over),
    ]
    if settings.has_mail:
        mailer = Mailer(settings)
        work.append(Repeater("mail", 1, lambda: deliver(fired, mailer)))
    return work


async def database_unavailable(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"detail": "the database is not available"}, status_code=503)


async def too_many(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooMany)
    headers = {"Retry-After": str(error.retry_after)}
    return JSONResponse({"detail": str(error)}, status_code=429, headers=headers)


async def not_storable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the database cannot store this"}, status_code=422)


app = create_app(Settings.from_env())
