"""The two forms that a session has outside: a bearer token for programs, and a cookie for the page."""

import base64
import hashlib
import hmac
import time

import jwt

from .accounts import Session

ALGORITHM = "HS256"


def token_of(session: Session, secret: str) -> str:
    claims = {"sub": str(session.user.id), "sid": session.id, "exp": session.expires_at}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def session_of_token(token: str, secret: str) -> str | None:
    """The id of the session, or None when the token has expired or is not one of ours."""
    try:
        claims = jwt.decode(token, secret, algorithms=[ALGORITHM], options={"require": ["exp", "sid", "sub"]})
    except jwt.InvalidTokenError:
        return None
    return claims["sid"] if isinstance(claims["sid"], str) else None


def cookie_of(session: Session, secret: str) -> str:
    signed = f"{session.id}.{int(session.expires_at.timestamp())}"
    return f"{signed}.{_signature(signed, secret)}"


def session_of_cookie(cookie: str, secret: str) -> str | None:
    """The id of the session, or None when the cookie has expired or is not one of ours."""
    signed, _, signature = cookie.rpartition(".")
    if not hmac.compare_digest(_signature(signed, secret).encode(), signature.encode()):
        return None
    session_id, _, expires = signed.partition(".")
    return session_id if int(expires) > time.time() else None


def _signature(text: str, secret: str) -> str:
    digest = hmac.digest(secret.encode(), text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
