"""The HTTP routes."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response, status
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from . import assistant, auth, mcp
from .settings import Settings
from .store import GUEST, EmailTaken, Store, Task, User

COOKIE = "session"

router = APIRouter()

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
TaskId = Annotated[int, Path(ge=1, le=2**63 - 1)]


class TaskIn(BaseModel):
    title: Title
    remind_at: AwareDatetime | None = None


class TaskChanges(BaseModel):
    model_config = ConfigDict(extra="forbid")

    # The defaults stand for "leave as it is": only what the request names is changed.
    title: Title = ""
    done: bool = False
    remind_at: AwareDatetime | None = None


class TaskOut(BaseModel):
    id: int
    title: str
    done: bool
    remind_at: datetime | None = None


class Credentials(BaseModel):
    email: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"
        ),
    ]
    password: str = Field(min_length=8, max_length=200)


class UserOut(BaseModel):
    id: int
    email: str


class Session(BaseModel):
    token: str
    user: UserOut


class Message(BaseModel):
    message: str = Field(min_length=1, max_length=1000)


class ChatReply(BaseModel):
    reply: str
    changed: bool


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def get_store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


SettingsDep = Annotated[Settings, Depends(get_settings)]
StoreDep = Annotated[Store, Depends(get_store)]


def current_user(request: Request, store: StoreDep, settings: SettingsDep) -> User | None:
    """The signed-in user, by bearer token or cookie; None for a guest."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    user_id = auth.read_token(token, settings.jwt_secret)
    user = store.get_user(user_id) if user_id is not None else None
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "the session is not valid any more")
    return user


UserDep = Annotated[User | None, Depends(current_user)]


def current_owner(user: UserDep) -> int:
    return user.id if user else GUEST


OwnerDep = Annotated[int, Depends(current_owner)]


def found(task: Task | None) -> Task:
    if task is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such task")
    return task


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers, however busy or broken the database is."""
    return {"status": "ok"}


@router.get("/ready")
def ready(store: StoreDep) -> dict[str, str]:
    """The database answers too."""
    store.ping()
    return {"status": "ready"}


@router.post("/auth/sign-up", status_code=status.HTTP_201_CREATED)
def sign_up(
    body: Credentials, request: Request, response: Response, store: StoreDep, settings: SettingsDep
) -> Session:
    try:
        user = store.add_user(body.email, auth.hash_password(body.password))
    except EmailTaken:
        raise HTTPException(status.HTTP_409_CONFLICT, "this address is taken") from None
    return start_session(user, request, response, settings)


@router.post("/auth/login")
def login(
    body: Credentials, request: Request, response: Response, store: StoreDep, settings: SettingsDep
) -> Session:
    user = store.find_user(body.email)
    matches = auth.password_matches(body.password, user.password_hash if user else None)
    if user is None or not matches:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "wrong address or password")
    return start_session(user, request, response, settings)


def start_session(user: User, request: Request, response: Response, settings: Settings) -> Session:
    token = auth.issue_token(user.id, settings.jwt_secret)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(auth.SESSION.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return Session(token=token, user=UserOut(id=user.id, email=user.email))


@router.post("/auth/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(response: Response) -> None:
    response.delete_cookie(COOKIE)


@router.get("/auth/me")
def me(user: UserDep) -> UserOut | None:
    return UserOut(id=user.id, email=user.email) if user else None


@router.get("/tasks", response_model=list[TaskOut])
def list_tasks(store: StoreDep, owner: OwnerDep) -> list[Task]:
    return store.list_tasks(owner)


@router.post("/tasks", status_code=status.HTTP_201_CREATED, response_model=TaskOut)
def add_task(body: TaskIn, store: StoreDep, owner: OwnerDep) -> Task:
    return store.add_task(owner, body.title, body.remind_at)


@router.get("/tasks/{task_id}", response_model=TaskOut)
def get_task(task_id: TaskId, store: StoreDep, owner: OwnerDep) -> Task:
    return found(store.get_task(owner, task_id))


@router.patch("/tasks/{task_id}", response_model=TaskOut)
def update_task(task_id: TaskId, body: TaskChanges, store: StoreDep, owner: OwnerDep) -> Task:
    return found(store.update_task(owner, task_id, body.model_dump(exclude_unset=True)))


@router.delete("/tasks/{task_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_task(task_id: TaskId, store: StoreDep, owner: OwnerDep) -> None:
    if not store.delete_task(owner, task_id):
        found(None)


@router.get("/reminders", response_model=list[TaskOut])
def reminders(store: StoreDep, owner: OwnerDep) -> list[Task]:
    """The open tasks whose reminder is due."""
    return store.due_tasks(owner, datetime.now(UTC))


@router.post("/chat")
def chat(body: Message, store: StoreDep, owner: OwnerDep) -> ChatReply:
    reply = assistant.answer(store, owner, body.message)
    return ChatReply(reply=reply.text, changed=reply.changed)


@router.post("/mcp", response_model=None)
def call_mcp(body: mcp.Request, store: StoreDep, owner: OwnerDep) -> dict[str, Any] | Response:
    response = mcp.handle(store, owner, body)
    return Response(status_code=status.HTTP_202_ACCEPTED) if response is None else response
