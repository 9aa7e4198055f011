"""A server that stands for one outside: it records the requests, and gives the answers of the test."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Answer:
    body: Any = field(default_factory=dict)
    status: int = 200
    delay: float = 0


class Stub:
    """Gives its answers one after the other, and the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Answer] = [Answer()]
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                stub.asked.append(Asked(self.path, headers, body))
                answer = stub.answers.pop(0) if len(stub.answers) > 1 else stub.answers[0]
                time.sleep(answer.delay)
                raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def says(text: str, **more: Any) -> Answer:
    """A model's last words."""
    return Answer({"choices": [{"message": {"role": "assistant", "content": text}}]}, **more)


def calls(*wanted: tuple[str, dict[str, Any] | str]) -> Answer:
    """A model that wants tools called."""
    tool_calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": a if isinstance(a, str) else json.dumps(a)},
        }
        for number, (name, a) in enumerate(wanted)
    ]
    return Answer({"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": tool_calls}}]})
