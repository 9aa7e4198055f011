"""A real Postgres for the tests: that of TEST_DATABASE_URL, or one of their own that is gone afterwards."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from app import passwords
from app.main import create_app
from app.settings import Settings
from tests.stub import Stub

PASSWORD = "correct horse"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Returns the first true value of the condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = shutil.which("initdb") or (found and str(found[-1]))
    assert program, "the tests need Postgres: apt-get install postgresql, or set TEST_DATABASE_URL"
    return Path(program).resolve().parent


def unprivileged(folder: Path) -> list[str]:
    """What goes before a command that refuses to run as root."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "postgres", "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a Postgres server, as far as the name of the database."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given.rpartition("/")[0]
        return
    programs, folder = postgres_programs(), Path(tempfile.mkdtemp(prefix="todo-postgres-"))
    as_user, port = unprivileged(folder), free_port()
    try:
        initdb = [programs / "initdb", "-D", folder / "data", "-U", "todo", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd=folder)
        options = {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off", "unix_socket_directories": folder}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        running = subprocess.Popen(
            [*as_user, programs / "postgres", "-D", folder / "data", *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            url = f"postgresql://todo@127.0.0.1:{port}"
            wait_until(lambda: answers(f"{url}/postgres"), "Postgres answers")
            yield url
        finally:
            running.terminate()
            running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def empty_database(server: str) -> Iterator[str]:
    """A database of its own, with nothing in it."""
    name = f"todo_test_{os.getpid()}_empty"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shared_database(server: str) -> Iterator[str]:
    name = f"todo_test_{os.getpid()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(shared_database: str) -> Iterator[str]:
    """A database without rows: those of the test are gone afterwards."""
    yield shared_database
    with psycopg.connect(shared_database, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('users')").fetchone() != (None,):
            connection.execute("TRUNCATE users, attempts CASCADE")


@pytest.fixture
def rows(database: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Runs a query beside the application."""

    def query(text: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(database, autocommit=True) as connection:
            cursor = connection.execute(text, arguments)
            return cursor.fetchall() if cursor.description else []

    return query


@pytest.fixture
def settings(database: str) -> Settings:
    return Settings.from_env({"DATABASE_URL": database, "JWT_SECRET": "jwt " * 8, "BETTER_AUTH_SECRET": "cookie"})


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_cost" not in request.keywords:
        monkeypatch.setattr(passwords, "_COST", {"n": 2, "r": 8, "p": 1})


Replica = Callable[..., TestClient]


@pytest.fixture
def replica(settings: Settings) -> Iterator[Replica]:
    """Starts the application, with these settings changed; may be called for more than one."""
    with ExitStack() as stack:

        def start(**changes: Any) -> TestClient:
            client = stack.enter_context(TestClient(create_app(replace(settings, **changes))))
            wait_until(lambda: client.get("/ready").status_code == 200, "the application is ready")
            return client

        yield start


@pytest.fixture
def client(replica: Replica) -> TestClient:
    return replica()


def sign_up(client: TestClient, email: str = "ada@example.org") -> dict[str, str]:
    """A new user's headers; the client keeps no cookie."""
    answer = client.post("/auth/sign-up", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    client.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


@pytest.fixture
def ada(client: TestClient) -> TestClient:
    """The client, as a user who has signed up."""
    client.headers.update(sign_up(client))
    return client


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as stub:
        yield stub
