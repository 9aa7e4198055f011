"""Sign-up, login, and sessions that end."""

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient

from app import passwords
from app.settings import Settings
from tests.conftest import PASSWORD, Replica, sign_up

ADA = {"email": "Ada@Example.org ", "password": PASSWORD}


@pytest.mark.real_cost
def test_passwords_are_hashed_with_a_salt_and_a_cost() -> None:
    one, other = passwords.hashed(PASSWORD), passwords.hashed(PASSWORD)
    assert one != other and PASSWORD not in one
    assert one.startswith("scrypt$16384$8$5$")
    assert passwords.matches(PASSWORD, one)
    assert not passwords.matches("wrong horse", one)
    assert not passwords.matches(PASSWORD, None)


def test_hashes_of_the_first_version_and_of_another_cost_still_match() -> None:
    salt = bytes(range(16))
    digest = hashlib.scrypt(b"old", salt=salt, n=2**14, r=8, p=1).hex()
    assert passwords.matches("old", f"{salt.hex()}:{digest}")
    assert not passwords.matches("new", f"{salt.hex()}:{digest}")
    assert not passwords.matches("", ""), "the guest of the first version has no password"
    digest = hashlib.scrypt(b"old", salt=salt, n=4, r=8, p=2).hex()
    assert passwords.matches("old", f"scrypt$4$8$2${salt.hex()}${digest}")


def test_a_user_signs_up_and_logs_in(client: TestClient) -> None:
    signed_up = client.post("/auth/sign-up", json=ADA)
    assert signed_up.status_code == 201
    user = signed_up.json()["user"]
    assert user["email"] == "ada@example.org"
    assert client.get("/auth/me").json() == user, "the cookie"
    client.cookies.clear()
    assert client.get("/auth/me").status_code == 401

    taken = client.post("/auth/sign-up", json=ADA)
    assert taken.status_code == 409 and taken.json() == {"detail": "this address is taken"}

    for wrong in (ADA | {"password": "wrong horse"}, ADA | {"email": "bob@example.org"}):
        answer = client.post("/auth/login", json=wrong)
        assert answer.status_code == 401 and answer.json() == {"detail": "wrong address or password"}
    token = client.post("/auth/login", json=ADA).json()["token"]
    client.cookies.clear()
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).json() == user


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.org"},
        {"email": "ada@example.org", "password": "short"},
        {"email": "ada@example.org", "password": "x" * 201},
        {"email": "ada", "password": PASSWORD},
        {"email": "ada@example.org\r\nBcc: all@example.org", "password": PASSWORD},
        {"email": "Ada <ada@example.org>", "password": PASSWORD},
    ],
)
def test_sign_up_wants_an_address_and_a_password(client: TestClient, body: dict[str, str]) -> None:
    assert client.post("/auth/sign-up", json=body).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tasks"),
        ("POST", "/tasks"),
        ("GET", "/tasks/1"),
        ("PATCH", "/tasks/1"),
        ("DELETE", "/tasks/1"),
        ("GET", "/reminders"),
        ("POST", "/reminders/1/seen"),
        ("POST", "/reminders/seen"),
        ("GET", "/chat"),
        ("POST", "/chat"),
        ("DELETE", "/chat"),
        ("POST", "/mcp"),
        ("GET", "/auth/me"),
        ("POST", "/auth/password"),
        ("DELETE", "/auth/me"),
    ],
)
def test_nothing_works_without_a_session(client: TestClient, method: str, path: str) -> None:
    for prefix in ("", "/api"):
        answer = client.request(method, f"{prefix}{path}", json={"title": "x", "message": "list"})
        assert answer.status_code == 401, answer.text
        forged = {"Authorization": "Bearer forged"}
        assert client.request(method, f"{prefix}{path}", headers=forged).status_code == 401


def test_the_cookie_is_for_the_page_only_and_signed(client: TestClient, settings: Settings) -> None:
    header = client.post("/auth/sign-up", json=ADA).headers["set-cookie"]
    parts = {part.strip().split("=")[0].lower() for part in header.split(";")}
    assert {"todo_session", "httponly", "samesite", "path", "max-age"} <= parts and "secure" not in parts
    cookie = client.cookies["todo_session"]

    # As API.md says, so that the page's server can check it as well.
    session_id, expires, signature = cookie.split(".")
    digest = hmac.digest(settings.cookie_secret.encode(), f"{session_id}.{expires}".encode(), "sha256")
    assert signature == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert 0 < int(expires) - time.time() - 6 * 86400 < 86400 + 60

    for forged in (f"{session_id}.{int(expires) + 9}.{signature}", f"{session_id}.{expires}.", "x", "é.1.ü", ".."):
        client.cookies.clear()
        answer = client.get("/auth/me", headers={"Cookie": f"todo_session={forged}".encode()})
        assert answer.status_code == 401
        assert "Max-Age=0" in answer.headers["set-cookie"]

    secure = client.post("/auth/login", json=ADA, headers={"X-Forwarded-Proto": "https"})
    assert "; secure" in secure.headers["set-cookie"].lower()


def test_a_token_of_another_key_or_without_an_end_is_refused(client: TestClient, settings: Settings) -> None:
    sign_up(client)
    good = jwt.decode(client.post("/auth/login", json=ADA).json()["token"], settings.jwt_secret, algorithms=["HS256"])
    client.cookies.clear()

    def status(claims: dict[str, Any], key: str = settings.jwt_secret) -> int:
        token = jwt.encode(claims, key, algorithm="HS256")
        return client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(good) == 200
    assert status(good, "another key " * 4) == 401
    assert status(good | {"exp": 1}) == 401
    assert status({name: value for name, value in good.items() if name != "exp"}) == 401
    assert status(good | {"sid": "another session"}) == 401


def test_a_session_ends_with_logout_on_every_replica(replica: Replica) -> None:
    one, other = replica(), replica()
    headers = sign_up(one)
    again = one.post("/auth/login", json=ADA).json()["token"]
    one.cookies.clear()
    assert other.get("/auth/me", headers=headers).status_code == 200
    answer = one.post("/auth/logout", headers=headers)
    assert answer.status_code == 204 and "todo_session" in answer.headers["set-cookie"]
    assert other.get("/auth/me", headers=headers).status_code == 401
    assert other.get("/auth/me", headers={"Authorization": f"Bearer {again}"}).status_code == 200
    assert one.post("/auth/logout").status_code == 204, "without a session, too"


def test_a_session_ends_by_itself(ada: TestClient, rows: Any) -> None:
    assert ada.get("/auth/me").status_code == 200
    rows("UPDATE sessions SET expires_at = now()")
    assert ada.get("/auth/me").status_code == 401
    ada.app.state.services.forget_what_is_over()
    assert rows("SELECT count(*) FROM sessions") == [(0,)]


def test_a_new_password_ends_the_sessions_before_it(ada: TestClient) -> None:
    wrong = ada.post("/auth/password", json={"current": "wrong horse", "new": "battery staple"})
    assert wrong.status_code == 403
    changed = ada.post("/auth/password", json={"current": PASSWORD, "new": "battery staple"})
    assert changed.status_code == 200
    ada.cookies.clear()
    assert ada.get("/auth/me").status_code == 401
    assert ada.get("/auth/me", headers={"Authorization": f"Bearer {changed.json()['token']}"}).status_code == 200
    assert ada.post("/auth/login", json=ADA).status_code == 401
    assert ada.post("/auth/login", json=ADA | {"password": "battery staple"}).status_code == 200


def test_an_account_goes_with_everything(ada: TestClient, rows: Any) -> None:
    ada.post("/tasks", json={"title": "x", "remind_at": "2020-01-01T00:00:00Z"})
    ada.post("/chat", json={"message": "list"})
    assert ada.delete("/auth/me").status_code == 204
    assert ada.get("/auth/me").status_code == 401
    for table in ("users", "sessions", "tasks", "reminders", "messages"):
        assert rows(f"SELECT count(*) FROM {table}") == [(0,)], table


def test_another_site_changes_nothing_with_the_cookie(client: TestClient) -> None:
    client.post("/auth/sign-up", json=ADA)
    cross = {"Sec-Fetch-Site": "cross-site", "Origin": "http://elsewhere.example"}
    task = {"title": "x"}
    assert client.post("/tasks", json=task, headers=cross).status_code == 403
    assert client.post("/tasks", json=task, headers=cross | {"Origin": "http://localhost:3000"}).status_code == 201
    assert client.post("/tasks", json=task, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 201
    assert client.get("/tasks", headers=cross).status_code == 200


def test_guessing_a_password_is_limited(client: TestClient, rows: Any) -> None:
    sign_up(client)
    wrong, right = ADA | {"password": "wrong horse"}, ADA

    def login(body: dict[str, str], client_address: str = "10.0.0.1") -> Any:
        return client.post("/auth/login", json=body, headers={"X-Forwarded-For": client_address})

    for _ in range(9):
        assert login(wrong).status_code == 401
    assert login(right).status_code == 200, "and what went before is forgiven"
    for _ in range(10):
        assert login(wrong).status_code == 401
    refused = login(right)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 901
    assert login(right, "10.0.0.2").status_code == 200, "the user is not locked out by somebody else"

    # Refusals are not counted, so that they end by themselves.
    rows("UPDATE attempts SET at = at - interval '16 minutes'")
    assert login(right).status_code == 200


def test_guesses_from_many_addresses_are_limited_too(client: TestClient) -> None:
    sign_up(client)
    wrong = ADA | {"password": "wrong horse"}
    statuses = [
        client.post("/auth/login", json=wrong, headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(51)
    ]
    assert statuses == [401] * 50 + [429]


def test_new_accounts_are_limited(client: TestClient, rows: Any) -> None:
    rows("INSERT INTO attempts (key) SELECT 'sign-up-from:10.0.0.1' FROM generate_series(1, 100)")
    one = client.post("/auth/sign-up", json=ADA, headers={"X-Forwarded-For": "1.2.3.4, 10.0.0.1"})
    assert one.status_code == 429
    assert client.post("/auth/sign-up", json=ADA, headers={"X-Forwarded-For": "10.0.0.2"}).status_code == 201


def test_attempts_that_are_over_are_forgotten(client: TestClient, rows: Any) -> None:
    rows("INSERT INTO attempts (key, at) VALUES ('a', now()), ('b', now() - interval '2 hours')")
    client.app.state.services.forget_what_is_over()
    assert rows("SELECT key FROM attempts") == [("a",)]
