"""The tools, served over the Model Context Protocol: to the assistant in this process, and to others over HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from mcp import Client
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
)
from mcp.types import Tool as Description

from . import tools
from .tasks import Tasks

# Whose tasks a call works on. A call runs in the context of the request that made it.
caller: ContextVar[int] = ContextVar("caller")


def make_server(tasks: Tasks) -> Server[Any]:
    async def list_tools(context: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                Description(
                    name=name,
                    description=tool.__doc__,
                    input_schema=tool.model_json_schema(),
                )
                for name, tool in tools.TOOLS.items()
            ]
        )

    async def call_tool(context: Any, params: CallToolRequestParams) -> CallToolResult:
        result = await to_thread.run_sync(tools.call, params.name, params.arguments or {}, tasks, caller.get())
        failed = isinstance(result, str)
        text = result if failed else json.dumps(result)
        return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed)

    return Server("todo-chatbot", version="1.0.0", on_list_tools=list_tools, on_call_tool=call_tool)


def over_http(server: Server[Any]) -> StreamableHTTPSessionManager:
    """Each request stands alone, so it does not matter which replica gets it."""
    return StreamableHTTPSessionManager(server, json_response=True, stateless=True)


@dataclass
class Result:
    name: str
    ok: bool
    text: str

    def value(self) -> dict[str, Any]:
        return json.loads(self.text)


class Toolbox:
    """A client of the server, with what it has called."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.results: list[Result] = []

    @property
    def changed(self) -> bool:
        return any(r.ok and r.name not in tools.READ_ONLY for r in self.results)

    async def descriptions(self) -> list[Description]:
        return (await self._client.list_tools()).tools

    async def call(self, name: str, arguments: dict[str, Any]) -> Result:
        answer = await self._client.call_tool(name, arguments)
        text = "\n".join(c.text for c in answer.content if isinstance(c, TextContent))
        result = Result(name, not answer.is_error, text)
        self.results.append(result)
        return result


@asynccontextmanager
async def toolbox(server: Server[Any], owner: int) -> AsyncIterator[Toolbox]:
    """The tools, for the tasks of one user."""
    token = caller.set(owner)
    try:
        async with Client(server) as client:
            yield Toolbox(client)
    finally:
        caller.reset(token)
