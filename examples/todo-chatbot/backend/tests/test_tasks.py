"""Tasks: made, found, changed, deleted; each user's own."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.conftest import sign_up


def titles(client: TestClient, **wanted: Any) -> list[str]:
    answer = client.get("/tasks", params=wanted)
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_task_from_creation_to_deletion(ada: TestClient, prefix: str) -> None:
    created = ada.post(f"{prefix}/tasks", json={"title": "  buy \n milk "})
    assert created.status_code == 201
    task = created.json()
    assert task | {"id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0,
        "title": "buy milk",
        "notes": "",
        "done": False,
        "priority": "normal",
        "due_date": None,
        "remind_at": None,
        "created_at": "",
        "updated_at": "",
        "done_at": None,
    }
    url = f"{prefix}/tasks/{task['id']}"
    assert ada.get(url).json() == task

    changes = {"notes": "two", "priority": "high", "due_date": "2026-12-01", "remind_at": "2999-12-01T10:00:00+02:00"}
    changed = ada.patch(url, json=changes).json()
    stored = changes | {"remind_at": "2999-12-01T08:00:00Z"}
    assert changed == task | stored | {"updated_at": changed["updated_at"]}
    assert changed["updated_at"] > task["updated_at"]
    cleared = ada.patch(url, json={"due_date": None}).json()
    assert (cleared["due_date"], cleared["remind_at"]) == (None, stored["remind_at"])

    done = ada.patch(url, json={"done": True}).json()
    assert done["done"] and done["done_at"]
    assert ada.patch(url, json={"done": True, "title": "x"}).json()["done_at"] == done["done_at"]
    assert ada.patch(url, json={"done": False}).json()["done_at"] is None
    assert ada.patch(url, json={}).json()["title"] == "x"

    assert ada.delete(url).status_code == 204
    for answer in (ada.get(url), ada.patch(url, json={"done": True}), ada.patch(url, json={}), ada.delete(url)):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": " "},
        {"title": "x" * 201},
        {"title": None},
        {"title": "a\0b"},
        {"title": "x", "notes": "a\0b"},
        {"title": "x", "notes": "x" * 5001},
        {"title": "x", "priority": "urgent"},
        {"title": "x", "due_date": "tomorrow"},
        {"title": "x", "remind_at": "2026-12-01T10:00:00"},
        {"title": "x", "owner": 1},
    ],
)
def test_what_is_no_task_is_refused(ada: TestClient, body: dict[str, Any]) -> None:
    assert ada.post("/tasks", json=body).status_code == 422
    task = ada.post("/tasks", json={"title": "good"}).json()
    if body:
        assert ada.patch(f"/tasks/{task['id']}", json=body).status_code == 422
    assert titles(ada) == ["good"]


@pytest.mark.parametrize("task_id", ["0", "-1", "x", str(2**63)])
def test_an_id_is_a_positive_number(ada: TestClient, task_id: str) -> None:
    assert ada.get(f"/tasks/{task_id}").status_code == 422


def test_nobody_reaches_the_tasks_of_another(client: TestClient) -> None:
    ada, bob = sign_up(client), sign_up(client, "bob@example.org")
    task = client.post("/tasks", json={"title": "ada's"}, headers=ada).json()
    url = f"/tasks/{task['id']}"
    assert client.get("/tasks", headers=bob).json()["total"] == 0
    for answer in (
        client.get(url, headers=bob),
        client.patch(url, json={"title": "bob's"}, headers=bob),
        client.delete(url, headers=bob),
    ):
        assert answer.status_code == 404
    assert client.get(url, headers=ada).json() == task


@pytest.fixture
def garden(ada: TestClient) -> TestClient:
    for task in (
        {"title": "Water roses", "priority": "high", "due_date": "2026-12-03"},
        {"title": "buy 50% more seeds", "notes": "ROSES and tulips"},
        {"title": "buy a_rake", "priority": "low", "due_date": "2026-12-01"},
        {"title": "Cut hedge", "due_date": "2026-12-02"},
    ):
        ada.post("/tasks", json=task)
    hedge = ada.get("/tasks").json()["items"][3]["id"]
    ada.patch(f"/tasks/{hedge}", json={"done": True})
    return ada


ROSES, SEEDS, RAKE, HEDGE = "Water roses", "buy 50% more seeds", "buy a_rake", "Cut hedge"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [ROSES, SEEDS, RAKE, HEDGE]),
        ({"q": "roses"}, [ROSES, SEEDS]),
        ({"q": "BUY roses"}, [SEEDS]),
        ({"q": "50%"}, [SEEDS]),
        ({"q": "a_r"}, [RAKE]),
        ({"q": "nothing"}, []),
        ({"status": "open"}, [ROSES, SEEDS, RAKE]),
        ({"status": "done"}, [HEDGE]),
        ({"priority": "high"}, [ROSES]),
        ({"priority": "normal"}, [SEEDS, HEDGE]),
        ({"due_from": "2026-12-02"}, [ROSES, HEDGE]),
        ({"due_to": "2026-12-02"}, [RAKE, HEDGE]),
        ({"due_from": "2026-12-02", "due_to": "2026-12-02", "status": "open"}, []),
        ({"sort": "due"}, [RAKE, HEDGE, ROSES, SEEDS]),
        ({"sort": "due", "order": "desc"}, [ROSES, HEDGE, RAKE, SEEDS]),
        ({"sort": "priority"}, [ROSES, SEEDS, HEDGE, RAKE]),
        ({"sort": "title"}, [SEEDS, RAKE, HEDGE, ROSES]),
        ({"order": "desc"}, [HEDGE, RAKE, SEEDS, ROSES]),
        ({"limit": 2}, [ROSES, SEEDS]),
        ({"limit": 2, "offset": 2, "sort": "due"}, [ROSES, SEEDS]),
        ({"offset": 4}, []),
    ],
)
def test_tasks_are_found(garden: TestClient, wanted: dict[str, Any], found: list[str]) -> None:
    assert titles(garden, **wanted) == found


def test_a_page_says_how_many_match(garden: TestClient) -> None:
    page = garden.get("/tasks", params={"q": "buy", "limit": 1, "offset": 1}).json()
    assert (len(page["items"]), page["total"], page["limit"], page["offset"]) == (1, 2, 1, 1)
    assert garden.get("/tasks", params={"q": "buy", "offset": 9}).json()["total"] == 2


@pytest.mark.parametrize(
    "wanted", ["limit=0", "limit=101", "offset=-1", "sort=owner", "status=x", "due_to=x", "page=2"]
)
def test_what_is_no_search_is_refused(ada: TestClient, wanted: str) -> None:
    assert ada.get(f"/tasks?{wanted}").status_code == 422


def test_pages_hold_every_task_once(ada: TestClient) -> None:
    for number in range(25):
        ada.post("/tasks", json={"title": f"task {number}", "priority": ["low", "high"][number % 2]})
    seen = [t for offset in (0, 10, 20) for t in titles(ada, sort="priority", limit=10, offset=offset)]
    assert sorted(seen) == sorted(f"task {number}" for number in range(25))
