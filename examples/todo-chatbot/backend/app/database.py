"""The connection to Postgres: made in the background, and lost without ending the process."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .migrations import revisions

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """The database does not answer, or has not answered yet."""


class Database:
    def __init__(self, url: str, *, retry_delay: float = 0.5) -> None:
        # The plain form is what other tools understand; the driver is ours to name.
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        self.engine: Engine = create_engine(
            parsed,
            pool_size=5,
            max_overflow=5,
            pool_timeout=5,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5},
        )
        self._retry_delay = retry_delay
        self._ready = threading.Event()
        self._closing = threading.Event()

    def open(self) -> None:
        """Connects and brings the tables up to date in the background, for as long as it takes."""
        threading.Thread(target=self._prepare, name="database", daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if not self._ready.is_set():
            raise Unavailable("the database has not answered yet")
        try:
            with self.engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise Unavailable(str(error)) from error

    def ping(self) -> None:
        with self.transaction() as connection:
            connection.execute(text("SELECT 1"))

    def _prepare(self) -> None:
        while not self._closing.is_set():
            try:
                revisions.bring_up_to_date(self.engine)
            except SQLAlchemyError as error:
                log.warning("the database is not ready: %s", error)
                self._closing.wait(self._retry_delay)
            else:
                log.info("the database is ready")
                self._ready.set()
                return
