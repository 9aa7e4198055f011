"""The assistant, with the built-in phrases and with a model."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.conftest import Replica, sign_up
from tests.stub import Answer, Stub, calls, says


def ask(client: TestClient, message: str) -> dict[str, Any]:
    answer = client.post("/chat", json={"message": message})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_built_in_phrases_work_on_the_users_tasks(ada: TestClient) -> None:
    added = ask(ada, "add buy milk priority high due 2999-12-01")
    task = ada.get("/tasks").json()["items"][0]
    assert (task["title"], task["priority"], task["due_date"]) == ("buy milk", "high", "2999-12-01")
    assert added == {
        "reply": f"Added #{task['id']} buy milk.",
        "changed": True,
        "engine": "built-in",
        "tools": [{"name": "add_task", "ok": True}],
    }
    assert ask(ada, "list")["changed"] is False
    ask(ada, f"remind {task['id']} in 2 hours")
    listed = ask(ada, "find milk")["reply"]
    assert listed.startswith(f"#{task['id']} buy milk (open, high priority, due 2999-12-01, reminder 2")
    assert ask(ada, f"done {task['id']}")["reply"] == f"Done: #{task['id']} buy milk."
    assert ask(ada, "list open")["reply"] == "There are no such tasks."
    assert ask(ada, f"reopen {task['id']}")["changed"] is True
    assert ask(ada, f"delete {task['id']}")["reply"] == f"Deleted #{task['id']}."
    assert ada.get("/tasks").json()["total"] == 0


def test_what_does_not_work_is_said_and_changes_nothing(ada: TestClient) -> None:
    missing = ask(ada, "done 999999")
    assert missing["reply"] == "That did not work: there is no task #999999."
    assert missing["changed"] is False and missing["tools"] == [{"name": "complete_task", "ok": False}]
    assert "due_date" in ask(ada, "add x due 2026-13-99")["reply"]
    weather = ask(ada, "what is the weather?")
    assert "did not understand" in weather["reply"] and weather["tools"] == []


def test_a_user_cannot_reach_the_tasks_of_another(client: TestClient) -> None:
    ada, bob = sign_up(client), sign_up(client, "bob@example.org")
    task = client.post("/tasks", json={"title": "ada's"}, headers=ada).json()
    for message in ("list", f"done {task['id']}", f"delete {task['id']}"):
        reply = client.post("/chat", json={"message": message}, headers=bob).json()
        assert reply["changed"] is False and "ada's" not in reply["reply"]
    assert client.get(f"/tasks/{task['id']}", headers=ada).json() == task


def test_the_conversation_is_kept_and_can_be_forgotten(ada: TestClient) -> None:
    ask(ada, "hello")
    ask(ada, "list")
    lines = ada.get("/chat").json()["items"]
    assert [(line["role"], line["text"][:12]) for line in lines] == [
        ("user", "hello"),
        ("assistant", "I understand"),
        ("user", "list"),
        ("assistant", "There are no"),
    ]
    assert ada.get("/chat?limit=1").json()["items"] == lines[-1:]
    assert ada.delete("/chat").status_code == 204
    assert ada.get("/chat").json() == {"items": []}


def test_messages_have_a_limit(ada: TestClient, rows: Any) -> None:
    for message in ("", " ", "x" * 1001, "a\0b"):
        assert ada.post("/chat", json={"message": message}).status_code == 422
    [(user,)] = rows("SELECT id FROM users")
    rows("INSERT INTO attempts (key) SELECT 'chat:' || %s::text FROM generate_series(1, 60)", user)
    assert ada.post("/chat", json={"message": "list"}).status_code == 429


@pytest.fixture
def with_model(replica: Replica, stub: Stub) -> TestClient:
    client = replica(model_key="model key", model_url=f"{stub.url}/v1", model_name="small")
    client.headers.update(sign_up(client))
    return client


def test_a_model_works_through_the_tools(with_model: TestClient, stub: Stub) -> None:
    ask_before = says("Hello, Ada.")
    stub.answers = [
        ask_before,
        calls(("add_task", {"title": "buy milk", "priority": "high"}), ("list_tasks", {})),
        says("I have added the milk."),
    ]
    assert ask(with_model, "hello")["reply"] == "Hello, Ada."
    assert ask(with_model, "we need milk, quickly") == {
        "reply": "I have added the milk.",
        "changed": True,
        "engine": "model",
        "tools": [{"name": "add_task", "ok": True}, {"name": "list_tasks", "ok": True}],
    }
    [task] = with_model.get("/tasks").json()["items"]
    assert (task["title"], task["priority"]) == ("buy milk", "high")

    _, first, second = stub.asked
    assert first.path == "/v1/chat/completions"
    assert first.headers["authorization"] == "Bearer model key"
    assert first.body["model"] == "small"
    functions = {tool["function"]["name"]: tool["function"] for tool in first.body["tools"]}
    assert set(functions) == {
        "list_tasks",
        "add_task",
        "update_task",
        "complete_task",
        "set_reminder",
        "delete_task",
    }
    assert functions["add_task"]["parameters"]["required"] == ["title"]
    assert functions["add_task"]["description"] == "Adds a task."
    told = [(m["role"], m["content"]) for m in first.body["messages"]]
    assert told[0][0] == "system"
    assert told[1:] == [("user", "hello"), ("assistant", "Hello, Ada."), ("user", "we need milk, quickly")]
    done = second.body["messages"][len(told) :]
    assert [m["role"] for m in done] == ["assistant", "tool", "tool"]
    assert [m["tool_call_id"] for m in done[1:]] == ["call_0", "call_1"]
    assert f'"id": {task["id"]}' in done[1]["content"] and '"total": 1' in done[2]["content"]


def test_a_model_is_told_what_was_wrong_with_its_calls(with_model: TestClient, stub: Stub) -> None:
    stub.answers = [
        calls(
            ("no_such_tool", {}),
            ("add_task", {}),
            ("add_task", "{not json"),
            ("add_task", "[]"),
            ("complete_task", {"id": 999999}),
            ("add_task", {"title": "x", "owner": 1}),
        ),
        says("Sorry."),
    ]
    reply = ask(with_model, "do something")
    assert reply["changed"] is False and reply["reply"] == "Sorry."
    errors = [m["content"] for m in stub.asked[1].body["messages"] if m["role"] == "tool"]
    assert errors[0] == "error: there is no tool no_such_tool"
    assert errors[1] == "error: title: Field required"
    assert errors[2].startswith("error: the call cannot be read") and "not an object" in errors[3]
    assert errors[4] == "error: there is no task #999999"
    assert "owner" in errors[5]
    assert with_model.get("/tasks").json()["total"] == 0


@pytest.mark.parametrize(
    "trouble", [Answer(status=500), Answer(status=401), Answer(b"no json"), Answer([]), Answer({"choices": []})]
)
def test_without_an_answer_of_the_model_the_phrases_do(with_model: TestClient, stub: Stub, trouble: Answer) -> None:
    stub.answers = [trouble]
    reply = ask(with_model, "add buy milk")
    assert reply["engine"] == "built-in" and reply["changed"] is True
    assert with_model.get("/tasks").json()["total"] == 1


def test_what_a_model_did_before_it_failed_is_said_and_not_done_again(with_model: TestClient, stub: Stub) -> None:
    stub.answers = [calls(("add_task", {"title": "buy milk"})), Answer(status=500)]
    reply = ask(with_model, "add buy milk")
    assert reply["engine"] == "model" and reply["changed"] is True and "add_task" in reply["reply"]
    assert with_model.get("/tasks").json()["total"] == 1


def test_a_model_that_does_not_end_is_stopped(with_model: TestClient, stub: Stub) -> None:
    stub.answers = [calls(("list_tasks", {}))]
    assert "stopped answering" in ask(with_model, "go on")["reply"]
    assert len(stub.asked) == 6
