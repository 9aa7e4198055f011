"""Reminders that fire from the server: stored, once, seen once, and sent by e-mail."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.mail import Mailer
from app.reminders import ATTEMPTS, deliver
from tests.conftest import Replica, sign_up, wait_until
from tests.stub import Answer, Stub

PAST = "2020-01-01T00:00:00Z"


def fired(client: TestClient, **wanted: Any) -> list[dict[str, Any]]:
    return client.get("/reminders", params=wanted).json()["items"]


def test_a_reminder_fires_by_itself(ada: TestClient) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    ada.post("/tasks", json={"title": "much later", "remind_at": "2999-01-01T00:00:00Z"})
    task = ada.post("/tasks", json={"title": "tea", "remind_at": soon}).json()
    [reminder] = wait_until(lambda: fired(ada), "the reminder fires")
    assert reminder["title"] == "tea" and reminder["task_id"] == task["id"]
    assert reminder["remind_at"] == task["remind_at"] <= reminder["fired_at"]
    assert reminder["seen_at"] is None and reminder["email"] == "off"


def test_it_is_seen_once_on_every_replica(replica: Replica) -> None:
    one, other = replica(), replica()
    for client in (one, other):
        client.headers.update(sign_up(one) if client is one else one.headers)
    one.post("/tasks", json={"title": "tea", "remind_at": PAST})
    [reminder] = wait_until(lambda: fired(one), "the reminder fires")
    assert fired(other) == [reminder]
    for _ in range(2):
        assert other.post(f"/reminders/{reminder['id']}/seen").status_code == 204
    assert one.get("/reminders").json() == {"items": [], "unseen": 0}
    [seen] = fired(one, unseen=False)
    assert seen["seen_at"] and seen == reminder | {"seen_at": seen["seen_at"]}


def test_all_are_seen_at_once_and_only_ones_own(client: TestClient) -> None:
    ada, bob = sign_up(client), sign_up(client, "bob@example.org")
    for headers in (ada, ada, bob):
        client.post("/tasks", json={"title": "tea", "remind_at": PAST}, headers=headers)
    client.app.state.services.reminders.fire(by_mail=False)
    [bobs] = client.get("/reminders", headers=bob).json()["items"]
    assert client.post(f"/reminders/{bobs['id']}/seen", headers=ada).status_code == 404
    assert client.get("/reminders?limit=1", headers=ada).json()["unseen"] == 2
    assert client.post("/reminders/seen", headers=ada).status_code == 204
    assert client.get("/reminders", headers=ada).json()["unseen"] == 0
    assert client.get("/reminders", headers=bob).json()["unseen"] == 1


def test_each_time_fires_once_however_many_replicas_look(ada: TestClient, rows: Any) -> None:
    task = ada.post("/tasks", json={"title": "tea", "remind_at": PAST}).json()

    def fire() -> None:
        ada.app.state.services.reminders.fire(by_mail=False)

    threads = [threading.Thread(target=fire) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows("SELECT count(*) FROM reminders") == [(1,)]

    ada.patch(f"/tasks/{task['id']}", json={"remind_at": "2021-01-01T00:00:00Z"})
    fire()
    assert rows("SELECT count(*) FROM reminders") == [(2,)], "another time"


@pytest.mark.parametrize("change", [{"done": True}, {"remind_at": None}, {"remind_at": "2999-01-01T00:00:00Z"}, None])
def test_what_is_no_open_task_whose_time_has_come_does_not_fire(
    ada: TestClient, rows: Any, change: dict[str, Any] | None
) -> None:
    task = ada.post("/tasks", json={"title": "tea", "remind_at": "2999-01-02T00:00:00Z"}).json()
    url = f"/tasks/{task['id']}"
    ada.patch(url, json=change) if change else ada.delete(url)
    rows("UPDATE tasks SET remind_at = now() WHERE done")
    assert ada.app.state.services.reminders.fire(by_mail=False) == 0


def sent(client: TestClient, stub: Stub, rows: Any, *answers: Answer) -> str:
    """Sends one reminder, as often as it is tried; what became of it."""
    stub.answers = list(answers)
    services = client.app.state.services
    client.post("/tasks", json={"title": "tea", "remind_at": PAST})
    services.reminders.fire(by_mail=True)
    mailer = Mailer(services.settings)
    while deliver(services.reminders, mailer):
        rows("UPDATE reminders SET email_next_at = now()")
    return fired(client)[0]["email"]


@pytest.fixture
def mailing(ada: TestClient, stub: Stub) -> TestClient:
    """A client whose reminders go out when the test says so."""
    from dataclasses import replace

    services = ada.app.state.services
    services.settings = replace(services.settings, mail_key="relay key", mail_url=stub.url)
    return ada


def test_a_reminder_is_sent_by_e_mail(replica: Replica, stub: Stub) -> None:
    client = replica(mail_key="relay key", mail_url=stub.url, frontend_url="http://todo.local")
    client.headers.update(sign_up(client))
    client.post("/tasks", json={"title": "tea", "remind_at": PAST})
    wait_until(lambda: fired(client) and fired(client)[0]["email"] == "sent", "the reminder is sent")
    [asked] = stub.asked
    assert asked.path == "/emails"
    assert asked.headers["authorization"] == "Bearer relay key"
    assert asked.headers["idempotency-key"] == f"reminder-{fired(client)[0]['id']}"
    assert asked.body["to"] == ["ada@example.org"] and asked.body["subject"] == "Reminder: tea"
    assert "http://todo.local/dashboard" in asked.body["text"] and asked.body["from"]


def test_a_relay_in_trouble_is_tried_again(mailing: TestClient, stub: Stub, rows: Any) -> None:
    assert sent(mailing, stub, rows, Answer(status=503), Answer(status=429), Answer(b"?"), Answer()) == "sent"
    keys = {asked.headers["idempotency-key"] for asked in stub.asked}
    assert len(stub.asked) == 4 and len(keys) == 1


def test_a_letter_is_given_up_after_some_attempts(mailing: TestClient, stub: Stub, rows: Any) -> None:
    assert sent(mailing, stub, rows, Answer(status=500)) == "failed"
    assert len(stub.asked) == ATTEMPTS


def test_a_letter_that_is_refused_is_not_sent_again(mailing: TestClient, stub: Stub, rows: Any) -> None:
    assert sent(mailing, stub, rows, Answer(status=422)) == "failed"
    assert len(stub.asked) == 1


def test_a_letter_is_taken_by_one_replica_only(mailing: TestClient, rows: Any) -> None:
    mailing.post("/tasks", json={"title": "tea", "remind_at": PAST})
    reminders = mailing.app.state.services.reminders
    reminders.fire(by_mail=True)
    assert [len(reminders.take_letters()) for _ in range(2)] == [1, 0]
    [(wait,)] = rows("SELECT extract(epoch FROM email_next_at - now()) FROM reminders")
    assert 50 < wait <= 60
