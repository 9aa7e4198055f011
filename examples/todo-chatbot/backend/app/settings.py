"""Everything the environment can say, read once at start-up."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    database_url: str = "postgresql://localhost/todo"
    environment: str = "development"
    allowed_origins: tuple[str, ...] = ("http://localhost:3000",)
    frontend_url: str = "http://localhost:3000"
    # How long connections that are kept open are sent elsewhere before the server closes them.
    drain_seconds: float = 0.0

    jwt_secret: str = field(default="", repr=False)
    cookie_secret: str = field(default="", repr=False)

    # Without both, the built-in phrases answer.
    model_key: str = field(default="", repr=False)
    model_url: str = ""
    model_name: str = "gpt-4o-mini"

    # Without a key, reminders are shown by the page only.
    mail_key: str = field(default="", repr=False)
    mail_url: str = "https://api.resend.com"
    mail_from: str = "Todo <onboarding@resend.dev>"

    @property
    def has_model(self) -> bool:
        return bool(self.model_key and self.model_url)

    @property
    def has_mail(self) -> bool:
        return bool(self.mail_key)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Reads the variables; one that is empty counts as unset."""
        environment = env.get("ENVIRONMENT") or cls.environment

        def key(name: str) -> str:
            if value := env.get(name):
                return value
            # Replicas have to agree on a key, so one made up here serves a single process only.
            if environment == "production":
                raise RuntimeError(f"{name} must be set when ENVIRONMENT is production")
            return secrets.token_hex(32)

        origins = env.get("ALLOWED_ORIGINS") or ",".join(cls.allowed_origins)
        return cls(
            database_url=env.get("DATABASE_URL") or cls.database_url,
            environment=environment,
            allowed_origins=tuple(o.strip() for o in origins.split(",") if o.strip()),
            frontend_url=env.get("FRONTEND_URL") or cls.frontend_url,
            drain_seconds=float(env.get("DRAIN_SECONDS") or cls.drain_seconds),
            jwt_secret=key("JWT_SECRET"),
            cookie_secret=key("BETTER_AUTH_SECRET"),
            model_key=env.get("OPENAI_API_KEY") or "",
            model_url=(env.get("OPENAI_BASE_URL") or "").rstrip("/"),
            model_name=env.get("OPENAI_MODEL") or cls.model_name,
            mail_key=env.get("RESEND_API_KEY") or "",
            mail_url=(env.get("RESEND_BASE_URL") or cls.mail_url).rstrip("/"),
            mail_from=env.get("RESEND_FROM") or cls.mail_from,
        )
