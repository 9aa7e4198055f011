"""What the assistant and other programs can do with a user's tasks, as tools with described arguments."""

from datetime import date
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from .tasks import Priority, Search, Status, Task, Tasks
from .values import MAX_ID, Notes, Title


class NoSuchTask(Exception):
    pass


class Tool(BaseModel):
    """The arguments of a tool; its docstring is what a model reads about it."""

    model_config = ConfigDict(extra="forbid")

    name: ClassVar[str]

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        raise NotImplementedError


class OneTask(Tool):
    id: int = Field(ge=1, le=MAX_ID, description="the task's number")


class ListTasks(Tool):
    """Lists tasks, the oldest first. Without arguments: all that are open."""

    name = "list_tasks"
    query: str = Field("", max_length=200, description="words that are in the title or the notes")
    status: Status = "open"
    limit: int = Field(20, ge=1, le=100)

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        search = Search(words=self.query.split(), status=self.status, limit=self.limit)
        found, total = tasks.search(owner, search)
        return {"tasks": [_described(task) for task in found], "total": total}


class AddTask(Tool):
    """Adds a task."""

    name = "add_task"
    title: Title
    notes: Notes = ""
    priority: Priority = "normal"
    due_date: date | None = None
    remind_at: AwareDatetime | None = Field(None, description="a time with its offset")

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        return _described(tasks.add(owner, dict(self)))


class UpdateTask(OneTask):
    """Changes a task: only what is named, and null clears a date."""

    name = "update_task"
    title: Title = ""
    notes: Notes = ""
    done: bool = False
    priority: Priority = "normal"
    due_date: date | None = None
    remind_at: AwareDatetime | None = None

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        changes = self.model_dump(exclude_unset=True, exclude={"id"})
        return _described(tasks.update(owner, self.id, changes))


class CompleteTask(OneTask):
    """Marks a task as done."""

    name = "complete_task"

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        return _described(tasks.update(owner, self.id, {"done": True}))


class SetReminder(OneTask):
    """Sets the time at which the user is reminded of a task."""

    name = "set_reminder"
    remind_at: AwareDatetime = Field(description="a time with its offset")

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        return _described(tasks.update(owner, self.id, {"remind_at": self.remind_at}))


class DeleteTask(OneTask):
    """Deletes a task for good."""

    name = "delete_task"

    def run(self, tasks: Tasks, owner: int) -> dict[str, Any]:
        if not tasks.delete(owner, self.id):
            raise NoSuchTask
        return {"deleted": self.id}


TOOLS: dict[str, type[Tool]] = {
    tool.name: tool for tool in (ListTasks, AddTask, UpdateTask, CompleteTask, SetReminder, DeleteTask)
}
READ_ONLY = {ListTasks.name}


def call(name: str, arguments: dict[str, Any], tasks: Tasks, owner: int) -> dict[str, Any] | str:
    """The result, or in words what was wrong with the call."""
    try:
        return TOOLS[name].model_validate(arguments).run(tasks, owner)
    except KeyError:
        return f"there is no tool {name}"
    except NoSuchTask:
        return f"there is no task #{arguments['id']}"
    except ValidationError as error:
        return "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors(include_url=False)
        )


def _described(task: Task | None) -> dict[str, Any]:
    if task is None:
        raise NoSuchTask
    described: dict[str, Any] = {
        "id": task.id,
        "title": task.title,
        "done": task.done,
        "priority": task.priority,
    }
    if task.notes:
        described["notes"] = task.notes
    if task.due_date:
        described["due_date"] = task.due_date.isoformat()
    if task.remind_at:
        described["remind_at"] = task.remind_at.isoformat(timespec="minutes")
    return described
