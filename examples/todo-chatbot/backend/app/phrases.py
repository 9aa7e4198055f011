"""The built-in phrases: what the assistant understands without a model. Each becomes one call of a tool."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

HELP = (
    'I understand "add buy milk", "add pay rent due 2026-12-01 priority high", "list", "list done",'
    ' "find milk", "done 3", "reopen 3", "delete 3", "remind 3 in 10 minutes" and "help".'
)

Say = Callable[[dict[str, Any]], str]


@dataclass
class Intent:
    """A call, and how its result is said."""

    tool: str
    arguments: dict[str, Any]
    say: Say


Handler = Callable[[re.Match[str]], Intent]
_rules: list[tuple[re.Pattern[str], Handler]] = []


def _on(pattern: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _rules.append((re.compile(pattern, re.IGNORECASE | re.DOTALL), handler))
        return handler

    return register


def understand(message: str) -> Intent | None:
    text = message.strip().rstrip(".!?").strip()
    for pattern, handler in _rules:
        if match := pattern.fullmatch(text):
            return handler(match)
    return None


def without_intent(message: str) -> str:
    if re.fullmatch(r"\W*(help|hello|hi)\W*", message, re.IGNORECASE):
        return HELP
    return f"Sorry, I did not understand that. {HELP}"


def _described(task: dict[str, Any]) -> str:
    facts = ["done" if task["done"] else "open"]
    if task["priority"] != "normal":
        facts.append(f"{task['priority']} priority")
    if "due_date" in task:
        facts.append(f"due {task['due_date']}")
    if "remind_at" in task:
        remind_at = datetime.fromisoformat(task["remind_at"]).astimezone(UTC)
        facts.append(f"reminder {remind_at:%Y-%m-%d %H:%M} UTC")
    return f"#{task['id']} {task['title']} ({', '.join(facts)})"


def _listed(result: dict[str, Any]) -> str:
    lines = [_described(task) for task in result["tasks"]]
    if more := result["total"] - len(lines):
        lines.append(f"… and {more} more.")
    return "\n".join(lines) or "There are no such tasks."


_DUE = re.compile(r"\s+(?:due|by)\s+(?P<due>today|tomorrow|\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)
_PRIORITY = re.compile(
    r"\s+(?:with\s+)?(?:priority\s+(?P<a>low|normal|high)|(?P<b>low|normal|high)\s+priority)\b",
    re.IGNORECASE,
)


@_on(r"(?:please )?(?:add|create|new)(?: (?:a )?task)?:? (?P<title>.+)")
def _add(match: re.Match[str]) -> Intent:
    title = match["title"]
    arguments: dict[str, Any] = {}
    if due := _DUE.search(title):
        arguments["due_date"] = _day(due["due"].lower())
        title = title.replace(due[0], "", 1)
    if priority := _PRIORITY.search(title):
        arguments["priority"] = (priority["a"] or priority["b"]).lower()
        title = title.replace(priority[0], "", 1)
    return Intent(
        "add_task",
        {"title": title.strip()[:200], **arguments},
        lambda task: f"Added #{task['id']} {task['title']}.",
    )


def _day(word: str) -> str:
    today = datetime.now(UTC).date()
    days: dict[str, date] = {"today": today, "tomorrow": today + timedelta(days=1)}
    return days[word].isoformat() if word in days else word


@_on(
    r"(?:please )?(?:list|show)(?: (?:my|the|me))*(?: (?P<status>all|open|done))?"
    r"(?: (?:my|the|me))*(?: tasks?)?|tasks"
)
def _list(match: re.Match[str]) -> Intent:
    return Intent("list_tasks", {"status": (match["status"] or "all").lower()}, _listed)


@_on(r"(?:find|search(?: for)?) (?P<words>.+)")
def _find(match: re.Match[str]) -> Intent:
    return Intent("list_tasks", {"query": match["words"][:200], "status": "all"}, _listed)


@_on(r"(?:done|complete|finish)(?: task)? #?(?P<id>\d{1,18})")
def _done(match: re.Match[str]) -> Intent:
    return Intent(
        "complete_task",
        {"id": int(match["id"])},
        lambda task: f"Done: #{task['id']} {task['title']}.",
    )


@_on(r"reopen(?: task)? #?(?P<id>\d{1,18})")
def _reopen(match: re.Match[str]) -> Intent:
    return Intent(
        "update_task",
        {"id": int(match["id"]), "done": False},
        lambda task: f"Open again: #{task['id']} {task['title']}.",
    )


@_on(r"(?:delete|remove)(?: task)? #?(?P<id>\d{1,18})")
def _delete(match: re.Match[str]) -> Intent:
    return Intent("delete_task", {"id": int(match["id"])}, lambda result: f"Deleted #{result['deleted']}.")


@_on(
    r"remind(?: me of)?(?: task)? #?(?P<id>\d{1,18}) in"
    r" (?P<count>\d{1,4}) (?P<unit>second|minute|hour|day)s?"
)
def _remind(match: re.Match[str]) -> Intent:
    unit = f"{match['unit'].lower()}s"
    remind_at = datetime.now(UTC) + timedelta(**{unit: int(match["count"])})
    return Intent(
        "set_reminder",
        {"id": int(match["id"]), "remind_at": remind_at.isoformat(timespec="seconds")},
        lambda task: f"Reminder set: {_described(task)}.",
    )
