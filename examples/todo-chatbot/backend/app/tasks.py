"""Tasks in Postgres. Every function takes the owner: nobody reaches another's."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Row,
    UnaryExpression,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from .database import Database
from .schema import tasks

Priority = Literal["low", "normal", "high"]
Status = Literal["open", "done", "all"]
Sort = Literal["created", "due", "priority", "title"]
Order = Literal["asc", "desc"]

PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high")


@dataclass(frozen=True)
class Task:
    id: int
    title: str
    notes: str
    done: bool
    priority: Priority
    due_date: date | None
    remind_at: datetime | None
    created_at: datetime
    updated_at: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class Search:
    """Which tasks, and in which order."""

    words: list[str] = field(default_factory=list)
    status: Status = "all"
    priority: Priority | None = None
    due_from: date | None = None
    due_to: date | None = None
    sort: Sort = "created"
    order: Order = "asc"
    limit: int = 20
    offset: int = 0


_TASK = [tasks.c[name] for name in Task.__dataclass_fields__]


def _task(row: Row[Any]) -> Task:
    return Task(**dict(row._mapping) | {"priority": PRIORITIES[row.priority]})


class Tasks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def search(self, owner: int, search: Search) -> tuple[list[Task], int]:
        """One page, and how many tasks match in all."""
        matching = _matching(owner, search)
        page = select(*_TASK).where(*matching).order_by(*_ordering(search)).limit(search.limit).offset(search.offset)
        count = select(func.count()).select_from(tasks).where(*matching)
        with self._database.transaction() as connection:
            found = [_task(row) for row in connection.execute(page)]
            return found, connection.scalar(count) or 0

    def get(self, owner: int, task_id: int) -> Task | None:
        query = select(*_TASK).where(tasks.c.owner == owner, tasks.c.id == task_id)
        with self._database.transaction() as connection:
            row = connection.execute(query).one_or_none()
        return _task(row) if row else None

    def add(self, owner: int, values: dict[str, Any]) -> Task:
        query = insert(tasks).values(owner=owner, **_stored(values)).returning(*_TASK)
        with self._database.transaction() as connection:
            return _task(connection.execute(query).one())

    def update(self, owner: int, task_id: int, changes: dict[str, Any]) -> Task | None:
        """Changes what is named, and nothing else."""
        if not changes:
            return self.get(owner, task_id)
        changes = _stored(changes) | {"updated_at": func.now()}
        if "done" in changes:
            # A task that is done already keeps the time at which it became so.
            since = func.coalesce(tasks.c.done_at, func.now())
            changes["done_at"] = since if changes["done"] else None
        query = update(tasks).where(tasks.c.owner == owner, tasks.c.id == task_id).values(**changes).returning(*_TASK)
        with self._database.transaction() as connection:
            row = connection.execute(query).one_or_none()
        return _task(row) if row else None

    def delete(self, owner: int, task_id: int) -> bool:
        query = delete(tasks).where(tasks.c.owner == owner, tasks.c.id == task_id)
        with self._database.transaction() as connection:
            return connection.execute(query).rowcount == 1


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    """What the columns take: priorities are numbers there, which sort."""
    if "priority" in values:
        return values | {"priority": PRIORITIES.index(values["priority"])}
    return values


def _matching(owner: int, search: Search) -> list[ColumnElement[bool]]:
    matching: list[ColumnElement[bool]] = [tasks.c.owner == owner]
    for word in search.words:
        matching.append(
            or_(
                tasks.c.title.icontains(word, autoescape=True),
                tasks.c.notes.icontains(word, autoescape=True),
            )
        )
    if search.status != "all":
        matching.append(tasks.c.done == (search.status == "done"))
    if search.priority:
        matching.append(tasks.c.priority == PRIORITIES.index(search.priority))
    if search.due_from:
        matching.append(tasks.c.due_date >= search.due_from)
    if search.due_to:
        matching.append(tasks.c.due_date <= search.due_to)
    return matching


def _ordering(search: Search) -> list[UnaryExpression[Any]]:
    columns: dict[Sort, ColumnElement[Any]] = {
        "created": tasks.c.id,
        "due": tasks.c.due_date,
        "priority": -tasks.c.priority,
        "title": func.lower(tasks.c.title),
    }
    column = columns[search.sort]
    # The id decides between equals: a page must not repeat what another had.
    if search.order == "desc":
        return [column.desc().nulls_last(), tasks.c.id.desc()]
    return [column.asc().nulls_last(), tasks.c.id.asc()]
