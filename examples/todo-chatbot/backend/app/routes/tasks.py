"""Tasks."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ..tasks import Order, Priority, Search, Sort, Status, Task
from ..values import Notes, Title
from .common import CurrentUser, Id, ServicesDep, not_found

router = APIRouter(prefix="/tasks")


class NewTask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    notes: Notes = ""
    priority: Priority = "normal"
    due_date: date | None = None
    remind_at: AwareDatetime | None = None


class Changes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    # The defaults stand for "leave as it is": only what the request names is changed.
    title: Title = ""
    notes: Notes = ""
    done: bool = False
    priority: Priority = "normal"
    due_date: date | None = None
    remind_at: AwareDatetime | None = None


class TaskOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    notes: str
    done: bool
    priority: Priority
    due_date: date | None
    remind_at: datetime | None
    created_at: datetime
    updated_at: datetime
    done_at: datetime | None


class TaskPage(BaseModel):
    items: list[TaskOut]
    total: int
    limit: int
    offset: int


class Wanted(BaseModel):
    """The parameters of a search."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", max_length=200)
    status: Status = "all"
    priority: Priority | None = None
    due_from: date | None = None
    due_to: date | None = None
    sort: Sort = "created"
    order: Order = "asc"
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=2**31)


@router.get("", response_model=TaskPage)
def search(wanted: Annotated[Wanted, Query()], user: CurrentUser, services: ServicesDep) -> dict[str, Any]:
    query = Search(words=wanted.q.split(), **wanted.model_dump(exclude={"q"}))
    found, total = services.tasks.search(user.id, query)
    return {"items": found, "total": total, "limit": wanted.limit, "offset": wanted.offset}


@router.post("", status_code=status.HTTP_201_CREATED, response_model=TaskOut)
def add(body: NewTask, user: CurrentUser, services: ServicesDep) -> Task:
    return services.tasks.add(user.id, body.model_dump())


@router.get("/{task_id}", response_model=TaskOut)
def get(task_id: Id, user: CurrentUser, services: ServicesDep) -> Task:
    return found(services.tasks.get(user.id, task_id))


@router.patch("/{task_id}", response_model=TaskOut)
def change(task_id: Id, body: Changes, user: CurrentUser, services: ServicesDep) -> Task:
    changes = body.model_dump(exclude_unset=True)
    return found(services.tasks.update(user.id, task_id, changes))


@router.delete("/{task_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete(task_id: Id, user: CurrentUser, services: ServicesDep) -> None:
    if not services.tasks.delete(user.id, task_id):
        raise not_found("task")


def found(task: Task | None) -> Task:
    if task is None:
        raise not_found("task")
    return task
