"""A conversation with a model that speaks OpenAI's chat API and works through the tools."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from anyio import CapacityLimiter, to_thread

from .outside import Unanswered, post
from .protocol import Toolbox
from .settings import Settings

ROUNDS = 6

SECONDS = 18
"""For all rounds together: less than what the server grants requests in flight when it has to end."""

SYSTEM = (
    "You help a user with the tasks of their to-do list, and only with these. Use the tools to see and to change"
    " them; never claim a change that no tool has made. Answer briefly, in plain text. It is {now} UTC."
)


class Model:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Threads of its own: a slow model must not take those that serve everything else.
        self._threads = CapacityLimiter(10)

    async def answer(self, toolbox: Toolbox, history: list[dict[str, str]], message: str) -> str:
        """The model's last words; raises Unanswered when it does not come to any."""
        deadline = time.monotonic() + SECONDS
        system = SYSTEM.format(now=f"{datetime.now(UTC):%A %Y-%m-%d %H:%M}")
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": system},
            *history,
            {"role": "user", "content": message},
        ]
        functions = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.input_schema,
                },
            }
            for tool in await toolbox.descriptions()
        ]
        for _ in range(ROUNDS):
            reply = await self._ask(messages, functions, deadline - time.monotonic())
            calls = reply.get("tool_calls") or []
            if not isinstance(calls, list):
                raise Unanswered("the model's calls are not a list")
            if not calls:
                return str(reply.get("content") or "").strip() or "Done."
            messages.append(reply)
            for call in calls:
                messages.append(await _called(toolbox, call))
        raise Unanswered("the model does not come to an end")

    async def _ask(
        self, messages: list[dict[str, Any]], functions: list[dict[str, Any]], seconds: float
    ) -> dict[str, Any]:
        settings = self._settings
        if seconds <= 0:
            raise Unanswered("the model takes too long")

        def ask() -> Any:
            return post(
                f"{settings.model_url}/chat/completions",
                settings.model_key,
                {"model": settings.model_name, "messages": messages, "tools": functions},
                seconds=seconds,
            )

        answer = await to_thread.run_sync(ask, limiter=self._threads)
        try:
            reply = answer["choices"][0]["message"]
            return {"role": "assistant", **reply}
        except (KeyError, IndexError, TypeError) as error:
            raise Unanswered("the model's answer has no message") from error


async def _called(toolbox: Toolbox, call: dict[str, Any]) -> dict[str, Any]:
    """Does what the model asks for, and says to it what came of that."""
    try:
        function = call["function"]
        arguments = json.loads(function.get("arguments") or "{}")
        if not isinstance(arguments, dict):
            raise TypeError("the arguments are not an object")
        result = await toolbox.call(str(function["name"]), arguments)
        text = result.text if result.ok else f"error: {result.text}"
    except (KeyError, TypeError, ValueError) as error:
        text = f"error: the call cannot be read: {error}"
    return {"role": "tool", "tool_call_id": call.get("id", ""), "content": text}
