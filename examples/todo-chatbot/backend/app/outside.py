"""Requests to services outside: the model and the mail relay."""

from typing import Any


class Unanswered(Exception):
    """The service did not answer as it should; `status` is None when it did not answer at all."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def post(url: str, key: str, body: dict[str, Any], *, seconds: float, **headers: str) -> Any:
    """The JSON that the service answers. The key is in no message."""
    import httpx2  # Loaded when there is such a service: a start without one is quicker.

    try:
        response = httpx2.post(url, json=body, timeout=seconds, headers={"Authorization": f"Bearer {key}", **headers})
    except httpx2.HTTPError as error:
        raise Unanswered(f"{url} does not answer: {type(error).__name__}") from error
    if response.is_error:
        raise Unanswered(f"{url} answered {response.status_code}", response.status_code)
    try:
        return response.json()
    except ValueError as error:
        raise Unanswered(f"{url} did not answer with JSON", response.status_code) from error
