"""Users, and their sessions: each is a row, so that its end holds on all replicas at once."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from . import passwords
from .database import Database
from .schema import sessions, users

LIFETIME = timedelta(days=7)


class EmailTaken(Exception):
    """There is a user of this address already."""


@dataclass(frozen=True)
class User:
    id: int
    email: str
    created_at: datetime


@dataclass(frozen=True)
class Session:
    id: str
    expires_at: datetime
    user: User


_USER = (users.c.id, users.c.email, users.c.created_at)


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def sign_up(self, email: str, password: str) -> User:
        digest = passwords.hashed(password)
        query = insert(users).values(email=email, password_hash=digest).returning(*_USER)
        try:
            with self._database.transaction() as connection:
                return User(*connection.execute(query).one())
        except IntegrityError as error:
            raise EmailTaken(email) from error

    def log_in(self, email: str, password: str) -> User | None:
        query = select(users.c.password_hash, *_USER).where(users.c.email == email)
        with self._database.transaction() as connection:
            row = connection.execute(query).one_or_none()
        matches = passwords.matches(password, row.password_hash if row else None)
        return User(*row[1:]) if row and matches else None

    def change_password(self, user: User, password: str) -> None:
        """Sets the password and ends every session of the user."""
        digest = passwords.hashed(password)
        with self._database.transaction() as connection:
            connection.execute(update(users).where(users.c.id == user.id).values(password_hash=digest))
            connection.execute(delete(sessions).where(sessions.c.owner == user.id))

    def delete(self, user: User) -> None:
        with self._database.transaction() as connection:
            connection.execute(delete(users).where(users.c.id == user.id))

    def start_session(self, user: User) -> Session:
        session = Session(secrets.token_urlsafe(24), _now() + LIFETIME, user)
        with self._database.transaction() as connection:
            connection.execute(insert(sessions).values(id=session.id, owner=user.id, expires_at=session.expires_at))
        return session

    def session(self, session_id: str) -> Session | None:
        """The session, while it lasts."""
        query = (
            select(sessions.c.id, sessions.c.expires_at, *_USER)
            .join(users)
            .where(sessions.c.id == session_id, sessions.c.expires_at > func.now())
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).one_or_none()
        return Session(row[0], row[1], User(*row[2:])) if row else None

    def end_session(self, session_id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == session_id))

    def forget_expired(self) -> None:
        with self._database.transaction() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= func.now()))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
