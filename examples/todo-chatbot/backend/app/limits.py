"""How often something may be tried. The attempts are rows, so that all replicas count together."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, text

from .database import Database
from .schema import attempts

LONGEST = timedelta(hours=1)


class TooMany(Exception):
    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts; try again in {retry_after} seconds")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Limit:
    """At most `number` attempts with this key within `window`."""

    key: str
    number: int
    window: timedelta


def login(email: str, client: str) -> list[Limit]:
    """Failed logins. The second one stops guesses from many addresses, the third one guesses at many accounts."""
    window = timedelta(minutes=15)
    return [
        Limit(f"login:{email}@{client}", 10, window),
        Limit(f"login:{email}", 50, window),
        Limit(f"login-from:{client}", 200, window),
    ]


def sign_up(client: str) -> list[Limit]:
    return [Limit(f"sign-up-from:{client}", 100, timedelta(hours=1))]


def chat(user_id: int) -> list[Limit]:
    return [Limit(f"chat:{user_id}", 60, timedelta(minutes=1))]


class Limits:
    def __init__(self, database: Database) -> None:
        self._database = database

    def attempt(self, limits: list[Limit]) -> list[int]:
        """Counts an attempt, before its outcome is known: attempts side by side must not slip through together.

        Returns what `forgive` takes. A refused attempt is not counted, so a refusal ends by itself.
        """
        with self._database.transaction() as connection:
            for limit in sorted(limits, key=lambda limit: limit.key):
                lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
                connection.execute(lock, {"key": limit.key})
            for limit in limits:
                _check(connection, limit)
            rows = [{"key": limit.key} for limit in limits]
            query = insert(attempts).values(rows).returning(attempts.c.id)
            return list(connection.scalars(query))

    def forgive(self, ids: list[int], key: str | None = None) -> None:
        """Takes an attempt back that was no failure, and with `key` all that had this key."""
        with self._database.transaction() as connection:
            connection.execute(delete(attempts).where(attempts.c.id.in_(ids) | (attempts.c.key == key)))

    def forget_old(self) -> None:
        with self._database.transaction() as connection:
            connection.execute(delete(attempts).where(attempts.c.at <= func.now() - LONGEST))


def _check(connection: Connection, limit: Limit) -> None:
    query = (
        select(attempts.c.at, func.now().label("now"))
        .where(attempts.c.key == limit.key, attempts.c.at > func.now() - limit.window)
        .order_by(attempts.c.at.desc())
        .limit(1)
        .offset(limit.number - 1)
    )
    if row := connection.execute(query).one_or_none():
        oldest: datetime = row.at
        raise TooMany(max(1, int((oldest + limit.window - row.now).total_seconds()) + 1))
