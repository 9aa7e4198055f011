"""What a user and the assistant have said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, insert, select

from .database import Database
from .schema import messages


@dataclass
class Line:
    id: int
    role: Literal["user", "assistant"]
    text: str
    created_at: datetime


class Conversation:
    """Kept for each user, until they have it forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, owner: int, limit: int) -> list[Line]:
        """The last lines, the oldest first."""
        query = (
            select(messages.c.id, messages.c.role, messages.c.text, messages.c.created_at)
            .where(messages.c.owner == owner)
            .order_by(messages.c.id.desc())
            .limit(limit)
        )
        with self._database.transaction() as connection:
            return [Line(*row) for row in connection.execute(query)][::-1]

    def add(self, owner: int, said: str, answered: str) -> None:
        lines = [("user", said), ("assistant", answered)]
        with self._database.transaction() as connection:
            for role, text in lines:
                connection.execute(insert(messages).values(owner=owner, role=role, text=text))

    def forget(self, owner: int) -> None:
        with self._database.transaction() as connection:
            connection.execute(delete(messages).where(messages.c.owner == owner))
