"""Passwords, hashed with scrypt. A hash names its own cost, so that the cost can be raised later."""

import hashlib
import hmac
import os
import threading

# 16 MB and about a fifth of a second each: what OWASP's password storage guide asks of scrypt with this memory.
_COST = {"n": 2**14, "r": 8, "p": 5}

# Many logins at once must not take the container's memory.
_slots = threading.BoundedSemaphore(2)


def hashed(password: str) -> str:
    salt = os.urandom(16)
    return "$".join(["scrypt", *map(str, _COST.values()), salt.hex(), _derive(password, salt, _COST)])


def matches(password: str, stored: str | None) -> bool:
    """Compares; without a hash (no such user) it takes as long and says no."""
    parsed = _parse(stored or "")
    cost, salt, digest = parsed or (_COST, bytes(16), "")
    return hmac.compare_digest(_derive(password, salt, cost), digest) and parsed is not None


def _derive(password: str, salt: bytes, cost: dict[str, int]) -> str:
    with _slots:
        return hashlib.scrypt(password.encode(), salt=salt, maxmem=64 * 2**20, **cost).hex()


def _parse(stored: str) -> tuple[dict[str, int], bytes, str] | None:
    match stored.split("$"):
        case ["scrypt", n, r, p, salt, digest]:
            return {"n": int(n), "r": int(r), "p": int(p)}, bytes.fromhex(salt), digest
    # The first version of the application wrote SALT:DIGEST.
    salt, colon, digest = stored.partition(":")
    return ({"n": 2**14, "r": 8, "p": 1}, bytes.fromhex(salt), digest) if colon else None
