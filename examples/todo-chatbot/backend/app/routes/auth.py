"""Accounts and sessions."""

from datetime import datetime

from fastapi import APIRouter, HTTPException, Request, Response, status
from pydantic import BaseModel, Field

from .. import limits, signatures
from ..accounts import EmailTaken, User
from ..services import Services
from ..values import Email, Password
from .common import COOKIE, ClientAddress, CurrentSession, CurrentUser, OptionalSession, ServicesDep

router = APIRouter(prefix="/auth")


class SignUp(BaseModel):
    email: Email
    password: Password


class Login(BaseModel):
    email: Email
    password: str = Field(max_length=200)


class NewPassword(BaseModel):
    current: str = Field(max_length=200)
    new: Password


class UserOut(BaseModel):
    id: int
    email: str
    created_at: datetime


class SessionOut(BaseModel):
    token: str
    expires_at: datetime
    user: UserOut


@router.post("/sign-up", status_code=status.HTTP_201_CREATED)
def sign_up(
    body: SignUp, request: Request, response: Response, services: ServicesDep, client: ClientAddress
) -> SessionOut:
    services.limits.attempt(limits.sign_up(client))
    try:
        user = services.accounts.sign_up(body.email, body.password)
    except EmailTaken:
        raise HTTPException(status.HTTP_409_CONFLICT, "this address is taken") from None
    return start_session(user, request, response, services)


@router.post("/login")
def login(
    body: Login, request: Request, response: Response, services: ServicesDep, client: ClientAddress
) -> SessionOut:
    user = checked_user(body, services, client)
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "wrong address or password")
    return start_session(user, request, response, services)


def checked_user(body: Login, services: Services, client: str) -> User | None:
    """The user, if the password is theirs; failures are limited in number."""
    counted = limits.login(body.email, client)
    attempt = services.limits.attempt(counted)
    user = services.accounts.log_in(body.email, body.password)
    if user:
        services.limits.forgive(attempt, counted[0].key)
    return user


def start_session(user: User, request: Request, response: Response, services: Services) -> SessionOut:
    session = services.accounts.start_session(user)
    settings = services.settings
    scheme = request.headers.get("x-forwarded-proto") or request.url.scheme
    response.set_cookie(
        COOKIE,
        signatures.cookie_of(session, settings.cookie_secret),
        expires=session.expires_at,
        max_age=int((session.expires_at - datetime.now(session.expires_at.tzinfo)).total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=scheme == "https",
    )
    return SessionOut(
        token=signatures.token_of(session, settings.jwt_secret),
        expires_at=session.expires_at,
        user=UserOut(**vars(user)),
    )


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(response: Response, session: OptionalSession, services: ServicesDep) -> None:
    if session:
        services.accounts.end_session(session.id)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


@router.get("/me")
def me(user: CurrentUser) -> UserOut:
    return UserOut(**vars(user))


@router.post("/password")
def change_password(
    body: NewPassword,
    request: Request,
    response: Response,
    session: CurrentSession,
    services: ServicesDep,
    client: ClientAddress,
) -> SessionOut:
    proof = Login(email=session.user.email, password=body.current)
    user = checked_user(proof, services, client)
    if user is None:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "wrong password")
    services.accounts.change_password(user, body.new)
    return start_session(user, request, response, services)


@router.delete("/me", status_code=status.HTTP_204_NO_CONTENT)
def delete_account(response: Response, user: CurrentUser, services: ServicesDep) -> None:
    services.accounts.delete(user)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
