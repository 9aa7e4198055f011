"""The application: `uvicorn app.main:app`."""

import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from .api import router
from .settings import Settings
from .store import PostgresStore, Store, Unavailable

logging.basicConfig(
    stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
)


def create_app(settings: Settings, store: Store) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Uvicorn leaves this block only when the requests in flight at SIGTERM have been answered.
        store.open()
        yield
        store.close()

    app = FastAPI(title="todo-chatbot", version="1.0.0", lifespan=lifespan)
    app.state.settings, app.state.store = settings, store
    app.include_router(router)
    # An Ingress hands /api/… on as it is.
    app.include_router(router, prefix="/api", include_in_schema=False)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_credentials=True,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
    )
    app.middleware("http")(name_replica)
    app.add_exception_handler(Unavailable, database_unavailable)
    app.add_exception_handler(psycopg.DataError, not_storable)
    return app


async def name_replica(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    response.headers["X-Served-By"] = socket.gethostname()
    return response


async def database_unavailable(request: Request, error: Exception) -> JSONResponse:
    logging.getLogger(__name__).warning("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"detail": "the database is not available"}, status_code=503)


async def not_storable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the database cannot store this text"}, status_code=422)


settings = Settings.from_env()
app = create_app(settings, PostgresStore(settings.database_url))
