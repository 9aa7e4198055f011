"""Reminders: a task whose time has come reminds once, whatever the number of replicas."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from .database import Database, Unavailable
from .mail import Mailer, Refused, Undelivered
from .schema import reminders, tasks, users

log = logging.getLogger(__name__)

ATTEMPTS = 5
RETRY_AFTER = timedelta(minutes=1)
"""Longer than a delivery may take: nobody else takes it meanwhile."""


@dataclass(frozen=True)
class Reminder:
    id: int
    task_id: int
    title: str
    remind_at: datetime
    fired_at: datetime
    seen_at: datetime | None
    email: str


@dataclass(frozen=True)
class Letter:
    """A reminder on its way to somebody."""

    id: int
    address: str
    title: str
    attempts: int


class Reminders:
    def __init__(self, database: Database) -> None:
        self._database = database

    def fired(self, owner: int, *, unseen: bool, limit: int) -> tuple[list[Reminder], int]:
        """The newest first, and how many have not been seen."""
        mine = [reminders.c.owner == owner]
        not_seen = [*mine, reminders.c.seen_at.is_(None)]
        columns = [tasks.c.title if name == "title" else reminders.c[name] for name in Reminder.__dataclass_fields__]
        page = (
            select(*columns)
            .join(tasks, tasks.c.id == reminders.c.task_id)
            .where(*(not_seen if unseen else mine))
            .order_by(reminders.c.fired_at.desc(), reminders.c.id.desc())
            .limit(limit)
        )
        count = select(func.count()).select_from(reminders).where(*not_seen)
        with self._database.transaction() as connection:
            found = [Reminder(*row) for row in connection.execute(page)]
            return found, connection.scalar(count) or 0

    def see(self, owner: int, reminder_id: int | None = None) -> bool:
        """Marks one as seen, or all; whether there was one. What was seen before keeps its time."""
        which = [reminders.c.owner == owner]
        if reminder_id is not None:
            which.append(reminders.c.id == reminder_id)
        seen = func.coalesce(reminders.c.seen_at, func.now())
        with self._database.transaction() as connection:
            query = update(reminders).where(*which).values(seen_at=seen)
            return connection.execute(query).rowcount > 0

    def fire(self, *, by_mail: bool) -> int:
        """Stores a reminder for each open task whose time has come; how many these were."""
        fired_before = (
            select(reminders.c.id)
            .where(reminders.c.task_id == tasks.c.id, reminders.c.remind_at == tasks.c.remind_at)
            .exists()
        )
        due = select(
            tasks.c.owner,
            tasks.c.id,
            tasks.c.remind_at,
            literal("pending" if by_mail else "off"),
        ).where(~tasks.c.done, tasks.c.remind_at <= func.now(), ~fired_before)
        query = (
            insert_or_ignore(reminders)
            .from_select(["owner", "task_id", "remind_at", "email"], due)
            .on_conflict_do_nothing()
            .returning(reminders.c.id)
        )
        with self._database.transaction() as connection:
            return len(connection.execute(query).all())

    def take_letters(self, limit: int = 10) -> list[Letter]:
        """Takes what has to be sent; nobody else gets it before RETRY_AFTER has passed."""
        ready = (
            select(reminders.c.id)
            .where(reminders.c.email == "pending", reminders.c.email_next_at <= func.now())
            .order_by(reminders.c.email_next_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(reminders)
            .where(
                reminders.c.id.in_(ready),
                users.c.id == reminders.c.owner,
                tasks.c.id == reminders.c.task_id,
            )
            .values(
                email_attempts=reminders.c.email_attempts + 1,
                email_next_at=func.now() + RETRY_AFTER * (reminders.c.email_attempts + 1),
            )
            .returning(reminders.c.id, users.c.email, tasks.c.title, reminders.c.email_attempts)
        )
        with self._database.transaction() as connection:
            return [Letter(*row) for row in connection.execute(taken)]

    def mark(self, reminder_id: int, email: str) -> None:
        query = update(reminders).where(reminders.c.id == reminder_id).values(email=email)
        with self._database.transaction() as connection:
            connection.execute(query)


def deliver(reminders: Reminders, mailer: Mailer) -> int:
    """Sends what is ready; how many were tried. What fails for now is tried again later."""
    letters = reminders.take_letters()
    for letter in letters:
        try:
            mailer.send_reminder(letter.id, letter.address, letter.title)
        except Refused as error:
            log.warning("the reminder %s cannot be sent: %s", letter.id, error)
            reminders.mark(letter.id, "failed")
        except Undelivered as error:
            log.warning("the reminder %s was not sent: %s", letter.id, error)
            if letter.attempts >= ATTEMPTS:
                reminders.mark(letter.id, "failed")
        else:
            reminders.mark(letter.id, "sent")
    return len(letters)


class Repeater:
    """Does something again and again beside the requests, until it has to end."""

    def __init__(self, name: str, seconds: float, work: Callable[[], Any]) -> None:
        self._seconds, self._work = seconds, work
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Returns when the work is at rest."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self._work()
            except Unavailable:
                pass  # Said elsewhere, and the next time comes.
            except Exception:
                log.exception("%s failed", self._thread.name)
