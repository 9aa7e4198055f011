"""Reminders that have fired."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, status
from pydantic import BaseModel, ConfigDict

from .common import CurrentUser, Id, ServicesDep, not_found

router = APIRouter(prefix="/reminders")


class ReminderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    task_id: int
    title: str
    remind_at: datetime
    fired_at: datetime
    seen_at: datetime | None
    email: Literal["off", "pending", "sent", "failed"]


class ReminderPage(BaseModel):
    items: list[ReminderOut]
    unseen: int


@router.get("", response_model=ReminderPage)
def list_reminders(
    user: CurrentUser,
    services: ServicesDep,
    unseen: bool = True,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> dict[str, Any]:
    found, number = services.reminders.fired(user.id, unseen=unseen, limit=limit)
    return {"items": found, "unseen": number}


@router.post("/seen", status_code=status.HTTP_204_NO_CONTENT)
def see_all(user: CurrentUser, services: ServicesDep) -> None:
    services.reminders.see(user.id)


@router.post("/{reminder_id}/seen", status_code=status.HTTP_204_NO_CONTENT)
def see(reminder_id: Id, user: CurrentUser, services: ServicesDep) -> None:
    if not services.reminders.see(user.id, reminder_id):
        raise not_found("reminder")
