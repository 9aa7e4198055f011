"""What the process does whatever is asked of it: health, settings, sizes."""

from dataclasses import fields

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import Replica

UNREACHABLE = "postgresql://127.0.0.1:1/nothing"


def test_health_does_not_need_the_database() -> None:
    with TestClient(create_app(Settings(database_url=UNREACHABLE, jwt_secret="a", cookie_secret="b"))) as client:
        for prefix in ("", "/api"):
            assert client.get(f"{prefix}/health").json() == {"status": "ok"}
            assert client.get(f"{prefix}/ready").status_code == 503
        login = client.post("/auth/login", json={"email": "ada@example.org", "password": "correct horse"})
        assert login.status_code == 503
        assert login.json() == {"detail": "the database is not available"}


def test_it_is_ready_with_a_database(client: TestClient) -> None:
    answer = client.get("/ready")
    assert answer.json() == {"status": "ready"}
    assert answer.headers["x-served-by"]


@pytest.mark.parametrize("missing", ["JWT_SECRET", "BETTER_AUTH_SECRET"])
def test_production_wants_the_keys_that_replicas_share(missing: str) -> None:
    env = {"ENVIRONMENT": "production", "JWT_SECRET": "a", "BETTER_AUTH_SECRET": "b"}
    Settings.from_env(env)
    with pytest.raises(RuntimeError, match=missing):
        Settings.from_env(env | {missing: ""})


def test_each_secret_has_its_setting_and_is_not_shown() -> None:
    names = ["DATABASE_URL", "JWT_SECRET", "OPENAI_API_KEY", "RESEND_API_KEY", "BETTER_AUTH_SECRET"]
    settings = Settings.from_env({name: f"value of {name}" for name in names})
    values = [getattr(settings, field.name) for field in fields(settings)]
    for name in names:
        assert f"value of {name}" in values
    for name in names[1:]:
        assert f"value of {name}" not in repr(settings)


def test_a_model_and_a_relay_are_used_only_when_configured() -> None:
    assert not Settings.from_env({}).has_model
    assert not Settings.from_env({"OPENAI_API_KEY": "k"}).has_model
    assert not Settings.from_env({"OPENAI_BASE_URL": "http://m"}).has_model
    assert Settings.from_env({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://m"}).has_model
    assert not Settings.from_env({}).has_mail
    assert Settings.from_env({"RESEND_API_KEY": "k"}).has_mail


@pytest.mark.parametrize(("environment", "status"), [("development", 200), ("production", 404)])
def test_the_reference_of_the_routes_is_not_for_everybody(replica: Replica, environment: str, status: int) -> None:
    client = replica(environment=environment)
    for path in ("/openapi.json", "/docs"):
        assert client.get(path).status_code == status


def test_bodies_have_a_limit(ada: TestClient) -> None:
    assert ada.post("/tasks", content=b"x" * 100_001).status_code == 413
    assert ada.post("/tasks", content=iter([b"x"])).status_code == 411


def test_pages_of_the_allowed_origins_may_call(client: TestClient) -> None:
    def allowed(origin: str) -> str | None:
        return client.get("/health", headers={"Origin": origin}).headers.get("access-control-allow-origin")

    assert allowed("http://localhost:3000") == "http://localhost:3000"
    assert allowed("http://elsewhere.example") is None
