"""The assistant: a few phrases, understood by rules, that work on the caller's tasks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .store import Store, Task

HELP = 'I understand "add buy milk", "list", "done 3", "delete 3" and "remind 3 in 10 minutes".'


@dataclass
class Reply:
    text: str
    changed: bool = False


Handler = Callable[[Store, int, re.Match[str]], Reply]
_rules: list[tuple[re.Pattern[str], Handler]] = []


def _on(pattern: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _rules.append((re.compile(pattern, re.IGNORECASE | re.DOTALL), handler))
        return handler

    return register


def answer(store: Store, owner: int, message: str) -> Reply:
    text = message.strip().rstrip(".!?").strip()
    for pattern, handler in _rules:
        if match := pattern.fullmatch(text):
            return handler(store, owner, match)
    return Reply(f"Sorry, I did not understand that. {HELP}")


def _describe(task: Task) -> str:
    reminder = f", reminder {task.remind_at:%Y-%m-%d %H:%M %Z}" if task.remind_at else ""
    return f"#{task.id} {task.title} ({'done' if task.done else 'open'}{reminder})"


def _missing(task_id: int) -> Reply:
    return Reply(f"There is no task #{task_id}.")


@_on(r"(?:please )?(?:add|create|new)(?: (?:a )?task)?:? (?P<title>.+)")
def _add(store: Store, owner: int, match: re.Match[str]) -> Reply:
    task = store.add_task(owner, match["title"].strip()[:200])
    return Reply(f"Added #{task.id} {task.title}.", changed=True)


@_on(r"(?:please )?(?:list|show)(?: (?:all|my|the|me))*(?: tasks?)?|tasks")
def _list(store: Store, owner: int, match: re.Match[str]) -> Reply:
    tasks = store.list_tasks(owner)
    return Reply("\n".join(map(_describe, tasks)) or "There are no tasks.")


@_on(r"(?:done|complete|finish)(?: task)? #?(?P<id>\d{1,18})")
def _done(store: Store, owner: int, match: re.Match[str]) -> Reply:
    task_id = int(match["id"])
    task = store.update_task(owner, task_id, {"done": True})
    if task is None:
        return _missing(task_id)
    return Reply(f"Done: #{task_id} {task.title}.", changed=True)


@_on(r"(?:delete|remove)(?: task)? #?(?P<id>\d{1,18})")
def _delete(store: Store, owner: int, match: re.Match[str]) -> Reply:
    task_id = int(match["id"])
    if not store.delete_task(owner, task_id):
        return _missing(task_id)
    return Reply(f"Deleted #{task_id}.", changed=True)


@_on(
    r"remind(?: me of)?(?: task)? #?(?P<id>\d{1,18}) in"
    r" (?P<count>\d{1,4}) (?P<unit>minute|hour|day)s?"
)
def _remind(store: Store, owner: int, match: re.Match[str]) -> Reply:
    remind_at = datetime.now(UTC) + timedelta(**{f"{match['unit'].lower()}s": int(match["count"])})
    task_id = int(match["id"])
    task = store.update_task(owner, task_id, {"remind_at": remind_at})
    if task is None:
        return _missing(task_id)
    return Reply(f"Reminder set: {_describe(task)}.", changed=True)


@_on(r"help|hello|hi")
def _help(store: Store, owner: int, match: re.Match[str]) -> Reply:
    return Reply(HELP)
