"""A user's way through the application, over HTTP: every feature once, and nothing is left behind.

    python3 journey.py URL                        URL is the frontend's, say http://localhost:3000
    python3 journey.py URL --api                  URL is the backend's, which has no page
    python3 journey.py URL --leave ADDRESS TITLE  only a user with one task, who stays: to be found in the database

It needs nothing but Python, so a pod of the backend can run it: kubectl exec -i … -- python - URL < journey.py
It prints a line for each thing that held, and ends with 1 at the first that did not.
"""

import contextlib
import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta
from typing import Any

SECONDS = 60
"""How long one answer may take: hashing a password takes its time on a small share of a processor."""


class Broken(Exception):
    """Something did not hold."""


class User:
    """A client of the API with an account."""

    def __init__(self, base: str, address: str) -> None:
        self._base, self.address = base.rstrip("/"), address
        self.password = secrets.token_urlsafe(16)
        self.token = ""

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """The answer's JSON, or its text; the status has to be the expected one."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self._base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                found, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            found, text = error.code, error.read().decode(errors="replace")
        except OSError as error:
            raise Broken(f"{method} {path} was not answered: {error}") from error
        if found != status:
            raise Broken(f"{method} {path} answered {found} instead of {status}: {text[:300]}")
        try:
            return json.loads(text)
        except ValueError:
            return text

    def credentials(self, **other: str) -> dict[str, str]:
        return {"email": self.address, "password": self.password, **other}

    def sign_up(self) -> None:
        self.token = self.ask("POST", "/api/auth/sign-up", self.credentials(), status=201)["token"]

    def tool(self, name: str, **arguments: Any) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answer = self.ask("POST", "/api/mcp", call, Accept="application/json, text/event-stream")
        result = answer.get("result", {})
        expect(result.get("isError") is False, f"the tool {name} answered {answer}")
        return json.loads(result["content"][0]["text"])


def expect(holds: Any, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def said(what: str) -> None:
    print(f"ok: {what}", flush=True)


def the_page(user: User) -> None:
    page = user.ask("GET", "/")
    expect("<html" in str(page), f"the landing page is {str(page)[:200]}")
    said("the landing page loads")


def sessions(user: User) -> None:
    user.ask("POST", "/api/tasks", {"title": "anonymous"}, status=401)
    said("nobody writes without a session")
    user.sign_up()
    expect(user.ask("GET", "/api/auth/me")["email"] == user.address, "the session is somebody else's")
    user.ask("POST", "/api/auth/sign-up", user.credentials(), status=409)
    said("sign-up makes an account, once")
    user.ask("POST", "/api/auth/logout", status=204)
    user.ask("GET", "/api/auth/me", status=401)
    said("logout ends the session")
    user.token = ""
    user.ask("POST", "/api/auth/login", user.credentials(password="not the password"), status=401)
    user.token = user.ask("POST", "/api/auth/login", user.credentials())["token"]
    said("login takes the password, and no other")


def tasks(user: User) -> None:
    milk = user.ask(
        "POST",
        "/api/tasks",
        {"title": "buy milk", "priority": "high", "due_date": (date.today() + timedelta(days=1)).isoformat()},
        status=201,
    )
    for title in ("pay rent", "water the roses"):
        user.ask("POST", "/api/tasks", {"title": title}, status=201)
    found = user.ask("GET", "/api/tasks?q=MILK&priority=high&status=open")
    expect([task["id"] for task in found["items"]] == [milk["id"]], f"the search found {found}")
    page = user.ask("GET", "/api/tasks?sort=title&limit=2&offset=2")
    expect(page["total"] == 3 and [t["title"] for t in page["items"]] == ["water the roses"], f"the page is {page}")
    said("tasks have a date and a priority, are found, and come in pages")
    done = user.ask("PATCH", f"/api/tasks/{milk['id']}", {"done": True})
    expect(done["done"] and done["done_at"], f"the task is {done}")
    user.ask("DELETE", f"/api/tasks/{milk['id']}", status=204)
    user.ask("GET", f"/api/tasks/{milk['id']}", status=404)
    said("a task can be done, and deleted")


def reminders(user: User) -> None:
    remind_at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    task = user.ask("POST", "/api/tasks", {"title": "make tea", "remind_at": remind_at}, status=201)
    deadline = time.monotonic() + SECONDS
    while not (unseen := user.ask("GET", "/api/reminders")["items"]):
        expect(time.monotonic() < deadline, f"no reminder after {SECONDS} s")
        time.sleep(0.2)
    expect([reminder["task_id"] for reminder in unseen] == [task["id"]], f"the reminders are {unseen}")
    said("a reminder fires by itself")
    user.ask("POST", f"/api/reminders/{unseen[0]['id']}/seen", status=204)
    expect(user.ask("GET", "/api/reminders")["unseen"] == 0, "the reminder comes again")
    said("a reminder is seen once")


def chat(user: User) -> None:
    reply = user.ask("POST", "/api/chat", {"message": "add call Bob"})
    expect(reply["changed"], f"the assistant answered {reply}")
    listed = user.ask("POST", "/api/chat", {"message": "list"})
    expect("call Bob" in listed["reply"], f"the assistant answered {listed}")
    lines = user.ask("GET", "/api/chat")["items"]
    expect([line["role"] for line in lines] == ["user", "assistant"] * 2, f"the conversation is {lines}")
    said(f"the assistant ({reply['engine']}) adds a task and lists it")


def protocol(user: User) -> None:
    added = user.tool("add_task", title="by a tool")
    expect(user.ask("GET", f"/api/tasks/{added['id']}")["title"] == "by a tool", "the tool's task is not there")
    user.tool("complete_task", id=added["id"])
    titles = [task["title"] for task in user.tool("list_tasks", status="done")["tasks"]]
    expect(titles == ["by a tool"], f"the tools list {titles}")
    said("the MCP tools work on the same tasks")


def farewell(user: User) -> None:
    user.ask("DELETE", "/api/auth/me", status=204)
    user.ask("GET", "/api/auth/me", status=401)
    user.token = ""
    user.ask("POST", "/api/auth/login", user.credentials(), status=401)
    said("the account goes with all that was in it")


def through(base: str, *, page: bool) -> None:
    user = User(base, f"journey-{secrets.token_hex(8)}@example.org")
    expect(user.ask("GET", "/api/health") == {"status": "ok"}, "the backend is not well")
    said("the backend answers")
    if page:
        the_page(user)
    try:
        for feature in (sessions, tasks, reminders, chat, protocol):
            feature(user)
    except Broken:
        with contextlib.suppress(Broken):
            user.ask("DELETE", "/api/auth/me", status=204)
        raise
    farewell(user)


def leave(base: str, address: str, title: str) -> None:
    user = User(base, address)
    user.sign_up()
    user.ask("POST", "/api/tasks", {"title": title}, status=201)
    said(f"{address} has the task {title!r}")


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case [base]:
                through(base, page=True)
            case [base, "--api"]:
                through(base, page=False)
            case [base, "--leave", address, title]:
                leave(base, address, title)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except Broken as error:
        print(f"FAILED: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
