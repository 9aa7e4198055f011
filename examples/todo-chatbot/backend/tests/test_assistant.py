import pytest

from app import assistant
from app.store import GUEST


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("add buy milk", "Added #2 buy milk."),
        ("Please add task: call Bob!", "Added #2 call Bob."),
        ("list", "#1 first (open)"),
        ("show all my tasks", "#1 first (open)"),
        ("done 1", "Done: #1 first."),
        ("complete task #1.", "Done: #1 first."),
        ("delete 1", "Deleted #1."),
        ("done 9", "There is no task #9."),
        ("delete 9", "There is no task #9."),
    ],
)
def test_phrases(store, message: str, reply: str) -> None:
    store.add_task(GUEST, "first")
    assert assistant.answer(store, GUEST, message).text == reply


def test_it_works_on_the_tasks(client) -> None:
    assert client.post("/chat", json={"message": "add buy milk"}).json()["changed"] is True
    task = client.get("/tasks").json()[0]
    client.post("/chat", json={"message": f"done {task['id']}"})
    client.post("/chat", json={"message": f"remind {task['id']} in 2 hours"})
    task = client.get(f"/tasks/{task['id']}").json()
    assert task["done"] and task["remind_at"]


def test_what_it_does_not_understand_changes_nothing(client) -> None:
    reply = client.post("/chat", json={"message": "what is the weather"}).json()
    assert "did not understand" in reply["reply"]
    assert reply["changed"] is False
    assert client.get("/tasks").json() == []
