"""Everything the environment can say, read once at start-up."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    database_url: str
    jwt_secret: str
    allowed_origins: tuple[str, ...]
    environment: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        environment = env.get("ENVIRONMENT") or "development"
        jwt_secret = env.get("JWT_SECRET")
        if not jwt_secret:
            # Replicas have to agree on the key, so one made up here serves a single process only.
            if environment == "production":
                raise RuntimeError("JWT_SECRET must be set when ENVIRONMENT is production")
            jwt_secret = secrets.token_hex(32)
        origins = env.get("ALLOWED_ORIGINS") or "http://localhost:3000"
        return cls(
            database_url=env.get("DATABASE_URL") or "postgresql://localhost/todo",
            jwt_secret=jwt_secret,
            allowed_origins=tuple(o.strip() for o in origins.split(",") if o.strip()),
            environment=environment,
        )
