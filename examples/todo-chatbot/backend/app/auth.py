"""Passwords, and the signed tokens that stand for a signed-in user."""

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta

import jwt

SESSION = timedelta(days=7)
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


def hash_password(password: str) -> str:
    salt = os.urandom(16)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


# Checked when there is no such user, so that the answer takes as long as for a wrong password.
_NOBODY = hash_password("")


def password_matches(password: str, stored: str | None) -> bool:
    salt, _, digest = (stored or _NOBODY).partition(":")
    actual = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()
    return hmac.compare_digest(actual, digest) and stored is not None


def issue_token(user_id: int, secret: str) -> str:
    claims = {"sub": str(user_id), "exp": datetime.now(UTC) + SESSION}
    return jwt.encode(claims, secret, algorithm="HS256")


def read_token(token: str, secret: str) -> int | None:
    """The user a token stands for, or None when it is expired or not one of ours."""
    try:
        claims = jwt.decode(
            token, secret, algorithms=["HS256"], options={"require": ["exp", "sub"]}
        )
        return int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError):
        return None
