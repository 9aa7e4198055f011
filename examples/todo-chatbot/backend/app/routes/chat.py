"""The assistant, and the tools it uses for everybody else who speaks the Model Context Protocol."""

from datetime import datetime
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict
from starlette.types import Receive, Scope, Send

from .. import limits
from ..conversation import Line
from ..values import Message
from .common import CurrentUser, ServicesDep

router = APIRouter()


class MessageIn(BaseModel):
    message: Message


class LineOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    role: Literal["user", "assistant"]
    text: str
    created_at: datetime


class Lines(BaseModel):
    items: list[LineOut]


class ToolUse(BaseModel):
    name: str
    ok: bool


class ChatReply(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    reply: str
    changed: bool
    engine: Literal["model", "built-in"]
    tools: list[ToolUse]


@router.post("/chat", response_model=ChatReply)
async def chat(body: MessageIn, user: CurrentUser, request: Request, services: ServicesDep) -> Any:
    await to_thread.run_sync(services.limits.attempt, limits.chat(user.id))
    assistant = await request.app.state.chat.assistant()
    return await assistant.answer(user.id, body.message)


@router.get("/chat", response_model=Lines)
def history(
    user: CurrentUser, services: ServicesDep, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, list[Line]]:
    return {"items": services.conversation.last(user.id, limit)}


@router.delete("/chat", status_code=status.HTTP_204_NO_CONTENT)
def forget(user: CurrentUser, services: ServicesDep) -> None:
    services.conversation.forget(user.id)


class Passed(Response):
    """A request that another ASGI application answers."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


@router.api_route("/mcp", methods=["GET", "POST", "DELETE"], response_model=None, include_in_schema=False)
async def protocol(user: CurrentUser, request: Request) -> Response:
    return Passed(await request.app.state.chat.protocol(user.id))
