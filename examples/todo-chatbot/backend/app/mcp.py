"""The tasks as tools of the Model Context Protocol (JSON-RPC over HTTP, without sessions)."""

import json
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from .store import Store

PROTOCOL_VERSION = "2025-03-26"
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602


class Request(BaseModel):
    jsonrpc: Literal["2.0"]
    method: str
    id: int | str | None = None
    params: dict[str, Any] = {}


class ListTasks(BaseModel):
    """Lists all tasks."""

    def run(self, store: Store, owner: int) -> Any:
        return [asdict(task) for task in store.list_tasks(owner)]


class AddTask(BaseModel):
    """Adds a task."""

    title: str = Field(min_length=1, max_length=200)

    def run(self, store: Store, owner: int) -> Any:
        return asdict(store.add_task(owner, self.title))


class CompleteTask(BaseModel):
    """Marks a task as done."""

    id: int = Field(ge=1, le=2**63 - 1)

    def run(self, store: Store, owner: int) -> Any:
        task = store.update_task(owner, self.id, {"done": True})
        return asdict(task) if task else None


class DeleteTask(BaseModel):
    """Deletes a task."""

    id: int = Field(ge=1, le=2**63 - 1)

    def run(self, store: Store, owner: int) -> Any:
        return {"deleted": self.id} if store.delete_task(owner, self.id) else None


TOOLS: dict[str, type[ListTasks | AddTask | CompleteTask | DeleteTask]] = {
    "list_tasks": ListTasks,
    "add_task": AddTask,
    "complete_task": CompleteTask,
    "delete_task": DeleteTask,
}


class RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def handle(store: Store, owner: int, request: Request) -> dict[str, Any] | None:
    """The response to a request; None to a notification, which has no id and gets no answer."""
    if request.id is None:
        return None
    response: dict[str, Any] = {"jsonrpc": "2.0", "id": request.id}
    try:
        return response | {"result": _dispatch(store, owner, request)}
    except RpcError as error:
        return response | {"error": {"code": error.code, "message": str(error)}}


def _dispatch(store: Store, owner: int, request: Request) -> dict[str, Any]:
    match request.method:
        case "initialize":
            return {
                "protocolVersion": PROTOCOL_VERSION,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "todo-chatbot", "version": "1.0.0"},
            }
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [_describe(name) for name in TOOLS]}
        case "tools/call":
            return _call(store, owner, request.params)
    raise RpcError(METHOD_NOT_FOUND, f"unknown method {request.method}")


def _describe(name: str) -> dict[str, Any]:
    tool = TOOLS[name]
    return {"name": name, "description": tool.__doc__, "inputSchema": tool.model_json_schema()}


def _call(store: Store, owner: int, params: dict[str, Any]) -> dict[str, Any]:
    tool = TOOLS.get(str(params.get("name")))
    if tool is None:
        raise RpcError(INVALID_PARAMS, f"unknown tool {params.get('name')}")
    try:
        call = tool.model_validate(params.get("arguments") or {})
    except ValidationError as error:
        raise RpcError(INVALID_PARAMS, str(error)) from error
    result = call.run(store, owner)
    text = "there is no such task" if result is None else json.dumps(result, default=str)
    return {"content": [{"type": "text", "text": text}], "isError": result is None}
