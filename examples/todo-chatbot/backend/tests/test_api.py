import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store import PostgresStore


def test_health_does_not_need_the_database() -> None:
    unreachable = PostgresStore("postgresql://127.0.0.1:1/nothing")
    with TestClient(create_app(Settings.from_env({}), unreachable)) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").status_code == 503
        assert client.get("/tasks").status_code == 503


def test_production_wants_a_key_that_replicas_share() -> None:
    with pytest.raises(RuntimeError, match="JWT_SECRET"):
        Settings.from_env({"ENVIRONMENT": "production"})


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_task_from_creation_to_deletion(client: TestClient, prefix: str) -> None:
    created = client.post(f"{prefix}/tasks", json={"title": "  buy milk "})
    assert created.status_code == 201
    task = created.json()
    assert task == {"id": task["id"], "title": "buy milk", "done": False, "remind_at": None}
    url = f"{prefix}/tasks/{task['id']}"

    assert client.get(f"{prefix}/tasks").json() == [task]
    assert client.patch(url, json={"done": True}).json() == task | {"done": True}
    assert client.get(url).json()["done"] is True
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert client.patch(url, json={}).status_code == 404
    assert client.delete(url).status_code == 404


@pytest.mark.parametrize("body", [{}, {"title": " "}, {"title": "x" * 201}, {"title": None}])
def test_a_task_needs_a_title(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/tasks", json=body).status_code == 422


def test_reminders_are_the_open_tasks_that_are_due(client: TestClient) -> None:
    due = {"title": "due", "remind_at": "2020-01-01T00:00:00Z"}
    later = {"title": "later", "remind_at": "2999-01-01T00:00:00Z"}
    task = client.post("/tasks", json=due).json()
    client.post("/tasks", json=later)
    assert [t["title"] for t in client.get("/reminders").json()] == ["due"]
    client.patch(f"/tasks/{task['id']}", json={"done": True})
    assert client.get("/reminders").json() == []


def test_a_user_has_tasks_of_their_own(client: TestClient) -> None:
    guests = client.post("/tasks", json={"title": "everyone's"}).json()
    credentials = {"email": "Ada@Example.org", "password": "correct horse"}
    signed_up = client.post("/auth/sign-up", json=credentials)
    assert signed_up.status_code == 201
    assert "httponly" in signed_up.headers["set-cookie"].lower()
    assert client.post("/auth/sign-up", json=credentials).status_code == 409

    assert client.get("/auth/me").json()["email"] == "ada@example.org"
    assert client.get("/tasks").json() == []
    assert client.delete(f"/tasks/{guests['id']}").status_code == 404

    client.post("/auth/logout")
    assert client.get("/auth/me").json() is None
    assert client.get("/tasks").json() == [guests]

    wrong = client.post("/auth/login", json=credentials | {"password": "wrong horse"})
    assert wrong.status_code == 401
    token = client.post("/auth/login", json=credentials).json()["token"]
    client.cookies.clear()
    assert client.get("/tasks", headers={"Authorization": f"Bearer {token}"}).json() == []
    assert client.get("/tasks", headers={"Authorization": "Bearer forged"}).status_code == 401
