from typing import Any


def call(client, method: str, **params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return client.post("/mcp", json=body).json()


def test_it_introduces_itself(client) -> None:
    assert "tools" in call(client, "initialize")["result"]["capabilities"]
    names = {tool["name"] for tool in call(client, "tools/list")["result"]["tools"]}
    assert names == {"list_tasks", "add_task", "complete_task", "delete_task"}
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert client.post("/mcp", json=notification).status_code == 202


def test_tools_work_on_the_tasks(client) -> None:
    call(client, "tools/call", name="add_task", arguments={"title": "from a tool"})
    task = client.get("/tasks").json()[0]
    assert task["title"] == "from a tool"
    done = call(client, "tools/call", name="complete_task", arguments={"id": task["id"]})
    assert done["result"]["isError"] is False
    assert client.get("/tasks").json()[0]["done"] is True
    assert call(client, "tools/call", name="delete_task", arguments={"id": 99})["result"]["isError"]


def test_mistakes_are_json_rpc_errors(client) -> None:
    assert call(client, "no/such")["error"]["code"] == -32601
    assert call(client, "tools/call", name="no_such")["error"]["code"] == -32602
    assert call(client, "tools/call", name="add_task", arguments={})["error"]["code"] == -32602
