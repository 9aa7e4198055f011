"""The application as its container runs it: a process of its own under uvicorn."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx2

from tests.conftest import PASSWORD, free_port, wait_until

BACKEND = Path(__file__).parent.parent


class Process:
    def __init__(self, database: str, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_URL": database,
            "JWT_SECRET": "jwt " * 8,
            "BETTER_AUTH_SECRET": "cookie",
            "ENVIRONMENT": "production",
            **env,
        }

    def __enter__(self) -> Self:
        command = ["-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, *command, "--timeout-graceful-shutdown", "20"],
            cwd=BACKEND,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(self._ready, "the process is ready")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0]
        try:
            return httpx2.get(f"{self.url}/ready", timeout=30).status_code == 200
        except httpx2.HTTPError:
            return False

    def sign_up(self) -> dict[str, str]:
        body = {"email": "ada@example.org", "password": PASSWORD}
        answer = httpx2.post(f"{self.url}/auth/sign-up", json=body, timeout=60)
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> str:
        """Waits until it has ended by itself; what it printed."""
        return self.process.communicate(timeout=30)[0]
