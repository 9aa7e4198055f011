"""The assistant and the protocol, loaded when they are first wanted: a start is quicker without their packages."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from .services import Services

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from .assistant import Assistant


class Chat:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._wanted = asyncio.Event()
        self._loaded: asyncio.Future[tuple[Assistant, StreamableHTTPSessionManager]]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._loaded = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._serve())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _serve(self) -> None:
        """Runs for the whole life of the process: what the protocol's server starts must end where it began."""
        await self._wanted.wait()
        try:
            await asyncio.to_thread(importlib.import_module, f"{__package__}.assistant")
            from .assistant import Assistant
            from .protocol import make_server, over_http

            services = self._services
            server = make_server(services.tasks)
            assistant = Assistant(services.settings, server, services.conversation)
            http = over_http(server)
        except Exception as error:
            self._loaded.set_exception(error)
            raise
        async with http.run():
            self._loaded.set_result((assistant, http))
            await asyncio.Event().wait()

    async def assistant(self) -> "Assistant":
        return (await self._when_loaded())[0]

    async def protocol(self, owner: int) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """Answers a request of the protocol, for the tasks of this user."""
        http = (await self._when_loaded())[1]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            from .protocol import caller

            caller.set(owner)
            await http.handle_request(scope, receive, send)

        return answer

    async def _when_loaded(self) -> "tuple[Assistant, StreamableHTTPSessionManager]":
        self._wanted.set()
        # A request that is cancelled must not cancel what the others wait for.
        return await asyncio.shield(self._loaded)
