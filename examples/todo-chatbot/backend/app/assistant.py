"""The assistant: a model where one is configured, the built-in phrases otherwise. Both work through the MCP tools."""

import logging
from dataclasses import dataclass
from typing import Any, Literal

from anyio import to_thread

from . import phrases
from .conversation import Conversation
from .model import Model
from .outside import Unanswered
from .protocol import Server, Toolbox, toolbox
from .settings import Settings

log = logging.getLogger(__name__)

REMEMBERED = 10
"""How many lines of the conversation the model gets."""


@dataclass
class Reply:
    reply: str
    changed: bool
    engine: Literal["model", "built-in"]
    tools: list[dict[str, Any]]


class Assistant:
    def __init__(self, settings: Settings, server: Server[Any], conversation: Conversation) -> None:
        self._model = Model(settings) if settings.has_model else None
        self._server, self._conversation = server, conversation

    async def answer(self, owner: int, message: str) -> Reply:
        async with toolbox(self._server, owner) as box:
            text = await self._by_model(self._model, box, owner, message) if self._model else None
            by_model = text is not None
            if text is None:
                text = await _by_phrases(box, message)
        await to_thread.run_sync(self._conversation.add, owner, message, text)
        return Reply(
            reply=text,
            changed=box.changed,
            engine="model" if by_model else "built-in",
            tools=[{"name": result.name, "ok": result.ok} for result in box.results],
        )

    async def _by_model(self, model: Model, box: Toolbox, owner: int, message: str) -> str | None:
        """What the model says; None when it did not answer and nothing has been done."""
        lines = await to_thread.run_sync(self._conversation.last, owner, REMEMBERED)
        history = [{"role": line.role, "content": line.text} for line in lines]
        try:
            return await model.answer(box, history, message)
        except Unanswered as error:
            log.warning("the model failed: %s", error)
            if not box.results:
                return None
            done = ", ".join(f"{r.name}{'' if r.ok else ' (failed)'}" for r in box.results)
            return f"The model stopped answering. This was done before: {done}."


async def _by_phrases(box: Toolbox, message: str) -> str:
    intent = phrases.understand(message)
    if intent is None:
        return phrases.without_intent(message)
    result = await box.call(intent.tool, intent.arguments)
    if not result.ok:
        return f"That did not work: {result.text}."
    return intent.say(result.value())
