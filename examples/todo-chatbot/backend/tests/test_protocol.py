"""The MCP tools over HTTP, as other programs use them."""

import threading
from typing import Any

from fastapi.testclient import TestClient

from tests.conftest import sign_up

HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


def call(client: TestClient, method: str, headers: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = client.post("/mcp", json=body, headers=HEADERS | (headers or {}))
    assert answer.status_code in (200, 400), answer.text
    return answer.json()


def use(client: TestClient, tool: str, headers: dict[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
    return call(client, "tools/call", headers, name=tool, arguments=arguments)["result"]


def test_it_introduces_itself(ada: TestClient) -> None:
    client = {"name": "test", "version": "1"}
    result = call(ada, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)["result"]
    assert result["serverInfo"]["name"] == "todo-chatbot" and "tools" in result["capabilities"]
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert ada.post("/mcp", json=notification, headers=HEADERS).status_code == 202


def test_the_tools_describe_themselves(ada: TestClient) -> None:
    tools = {tool["name"]: tool for tool in call(ada, "tools/list")["result"]["tools"]}
    assert set(tools) == {"list_tasks", "add_task", "update_task", "complete_task", "set_reminder", "delete_task"}
    for tool in tools.values():
        assert tool["description"] and tool["inputSchema"]["type"] == "object"
    assert tools["set_reminder"]["inputSchema"]["required"] == ["id", "remind_at"]


def test_tools_work_on_the_tasks(ada: TestClient) -> None:
    assert use(ada, "add_task", title="from a tool", due_date="2999-12-01", notes="n")["isError"] is False
    [task] = ada.get("/tasks").json()["items"]
    assert (task["title"], task["due_date"], task["notes"]) == ("from a tool", "2999-12-01", "n")
    use(ada, "update_task", id=task["id"], title="changed", due_date=None)
    use(ada, "set_reminder", id=task["id"], remind_at="2999-12-01T08:00:00Z")
    use(ada, "complete_task", id=task["id"])
    changed = ada.get(f"/tasks/{task['id']}").json()
    assert changed["done"] and changed["title"] == "changed" and changed["due_date"] is None
    assert changed["notes"] == "n" and changed["remind_at"] == "2999-12-01T08:00:00Z"
    listed = use(ada, "list_tasks", status="all", query="chan")
    assert "changed" in listed["content"][0]["text"]
    assert use(ada, "delete_task", id=task["id"])["isError"] is False
    assert use(ada, "delete_task", id=task["id"])["isError"] is True
    assert ada.get("/tasks").json()["total"] == 0


def test_mistakes_are_said(ada: TestClient) -> None:
    assert call(ada, "no/such")["error"]["code"] == -32601
    assert "no tool" in use(ada, "no_such")["content"][0]["text"]
    assert use(ada, "add_task")["isError"] is True
    assert use(ada, "set_reminder", id=1, remind_at="2999-12-01T08:00:00")["isError"] is True


def test_calls_side_by_side_keep_to_their_users(client: TestClient) -> None:
    users = {name: sign_up(client, f"{name}@example.org") for name in ("ada", "bob", "eve")}
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            for _ in range(5):
                use(client, "add_task", users[name], title=f"{name}'s")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=[name]) for name in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for name, headers in users.items():
        items = client.get("/tasks", headers=headers).json()["items"]
        assert [task["title"] for task in items] == [f"{name}'s"] * 5


def test_the_official_client_can_use_it(database: str) -> None:
    """Over a real connection, which the others here do without."""
    import anyio
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    from tests.process import Process

    async def use_tools(url: str, prefix: str, headers: dict[str, str]) -> str:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{url}{prefix}/mcp", http_client=http)) as client,
        ):
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert "add_task" in names
            result = await client.call_tool("add_task", {"title": "from the SDK"})
            return result.content[0].text

    with Process(database) as process:
        headers = process.sign_up()
        for prefix in ("", "/api"):
            assert "from the SDK" in anyio.run(use_tools, process.url, prefix, headers)
