from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store import GUEST, EmailTaken, Task, User


class MemoryStore:
    """The store's contract, kept in dictionaries."""

    def __init__(self) -> None:
        self._tasks: dict[int, tuple[int, Task]] = {}
        self._users: dict[int, User] = {GUEST: User(GUEST, "guest", "")}
        self._ids = count(1)

    def open(self) -> None: ...

    def close(self) -> None: ...

    def ping(self) -> None: ...

    def list_tasks(self, owner: int) -> list[Task]:
        return [task for its_owner, task in self._tasks.values() if its_owner == owner]

    def due_tasks(self, owner: int, now: datetime) -> list[Task]:
        tasks = self.list_tasks(owner)
        return [t for t in tasks if not t.done and t.remind_at and t.remind_at <= now]

    def get_task(self, owner: int, task_id: int) -> Task | None:
        its_owner, task = self._tasks.get(task_id, (None, None))
        return task if its_owner == owner else None

    def add_task(self, owner: int, title: str, remind_at: datetime | None = None) -> Task:
        task = Task(next(self._ids), title, remind_at=remind_at)
        self._tasks[task.id] = owner, task
        return task

    def update_task(self, owner: int, task_id: int, changes: dict[str, Any]) -> Task | None:
        if (task := self.get_task(owner, task_id)) is None:
            return None
        self._tasks[task_id] = owner, replace(task, **changes)
        return self._tasks[task_id][1]

    def delete_task(self, owner: int, task_id: int) -> bool:
        return self.get_task(owner, task_id) is not None and bool(self._tasks.pop(task_id))

    def add_user(self, email: str, password_hash: str) -> User:
        if self.find_user(email):
            raise EmailTaken(email)
        user = User(next(self._ids), email, password_hash)
        self._users[user.id] = user
        return user

    def get_user(self, user_id: int) -> User | None:
        return self._users.get(user_id)

    def find_user(self, email: str) -> User | None:
        return next((user for user in self._users.values() if user.email == email), None)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def client(store: MemoryStore) -> Iterator[TestClient]:
    with TestClient(create_app(Settings.from_env({}), store)) as client:
        yield client
