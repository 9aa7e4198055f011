"""What the routes share: the services, who asks, and from where."""

from typing import Annotated

from fastapi import Depends, HTTPException, Path, Request, status

from .. import signatures
from ..accounts import Session, User
from ..services import Services
from ..values import MAX_ID

COOKIE = "todo_session"

Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


def optional_session(request: Request, services: ServicesDep) -> Session | None:
    """The caller's session, by bearer token or else by cookie; None without a valid one."""
    settings = services.settings
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        session_id = (
            signatures.session_of_token(token.strip(), settings.jwt_secret) if scheme.lower() == "bearer" else None
        )
    elif cookie := request.cookies.get(COOKIE):
        refuse_other_sites(request, settings.allowed_origins)
        session_id = signatures.session_of_cookie(cookie, settings.cookie_secret)
    else:
        return None
    return services.accounts.session(session_id) if session_id else None


def refuse_other_sites(request: Request, allowed: tuple[str, ...]) -> None:
    """A browser sends the cookie along with what another site's page asks for: that must not change anything.

    SameSite=Lax keeps the cookie out of such requests; this is for browsers that do not know it.
    """
    if (
        request.method not in ("GET", "HEAD", "OPTIONS")
        and request.headers.get("sec-fetch-site") == "cross-site"
        and request.headers.get("origin") not in allowed
    ):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this comes from another site")


OptionalSession = Annotated[Session | None, Depends(optional_session)]


def current_session(request: Request, session: OptionalSession) -> Session:
    if session is None:
        headers = {"WWW-Authenticate": "Bearer"}
        if COOKIE in request.cookies:
            headers["Set-Cookie"] = f'{COOKIE}=""; Path=/; Max-Age=0; HttpOnly; SameSite=Lax'
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "please log in", headers)
    return session


CurrentSession = Annotated[Session, Depends(current_session)]


def current_user(session: CurrentSession) -> User:
    return session.user


CurrentUser = Annotated[User, Depends(current_user)]


def client_address(request: Request) -> str:
    """Whom the last proxy before us has seen, or the peer itself.

    Nothing in front of the frontend's server vouches for it, so only the limits that make guessing slower use it.
    """
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return (forwarded or (request.client.host if request.client else "unknown"))[:64]


ClientAddress = Annotated[str, Depends(client_address)]


def not_found(what: str) -> HTTPException:
    return HTTPException(status.HTTP_404_NOT_FOUND, f"there is no such {what}")
