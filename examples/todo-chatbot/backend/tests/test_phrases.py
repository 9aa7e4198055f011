"""What the built-in phrases mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.phrases import understand, without_intent

TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("message", "tool", "arguments"),
    [
        ("add buy milk", "add_task", {"title": "buy milk"}),
        ("Please add task: call Bob!", "add_task", {"title": "call Bob"}),
        (
            "add pay rent due 2026-12-01 priority high",
            "add_task",
            {"title": "pay rent", "due_date": "2026-12-01", "priority": "high"},
        ),
        (
            "add pay rent with low priority by tomorrow",
            "add_task",
            {"title": "pay rent", "due_date": (TODAY + timedelta(days=1)).isoformat(), "priority": "low"},
        ),
        ("add say what is due", "add_task", {"title": "say what is due"}),
        ("list", "list_tasks", {"status": "all"}),
        ("show me my open tasks", "list_tasks", {"status": "open"}),
        ("list done", "list_tasks", {"status": "done"}),
        ("find milk and honey", "list_tasks", {"query": "milk and honey", "status": "all"}),
        ("done 3", "complete_task", {"id": 3}),
        ("complete task #3.", "complete_task", {"id": 3}),
        ("reopen 3", "update_task", {"id": 3, "done": False}),
        ("delete 3", "delete_task", {"id": 3}),
    ],
)
def test_phrases(message: str, tool: str, arguments: dict[str, Any]) -> None:
    intent = understand(message)
    assert intent and (intent.tool, intent.arguments) == (tool, arguments)


def test_a_reminder_is_so_long_from_now() -> None:
    intent = understand("remind me of 3 in 2 hours")
    assert intent and intent.arguments["id"] == 3
    wait = datetime.fromisoformat(intent.arguments["remind_at"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < wait <= timedelta(hours=2)


@pytest.mark.parametrize("message", ["what is the weather", "help", "Hello!", "done", "done three", "remind 3"])
def test_everything_else_is_no_phrase(message: str) -> None:
    assert understand(message) is None
    answer = without_intent(message)
    assert "add buy milk" in answer
    assert answer.startswith("Sorry") == (message not in ("help", "Hello!"))
