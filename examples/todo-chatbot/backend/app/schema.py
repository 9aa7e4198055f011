"""The tables. What changes here needs a migration in migrations/versions."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData()


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _owner() -> Column[int]:
    return Column("owner", ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _time(name: str) -> Column[object]:
    """A moment that is set to now when the row is made."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


users = Table(
    "users",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    _time("created_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    _owner(),
    _time("created_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("sessions_owner", "owner"),
)

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _owner(),
    Column("title", Text, nullable=False),
    Column("notes", Text, nullable=False, server_default=""),
    Column("done", Boolean, nullable=False, server_default=text("false")),
    Column("priority", SmallInteger, nullable=False, server_default="1"),
    Column("due_date", Date),
    Column("remind_at", DateTime(timezone=True)),
    _time("created_at"),
    _time("updated_at"),
    Column("done_at", DateTime(timezone=True)),
    Index("tasks_owner", "owner"),
    Index("tasks_remind_at", "remind_at", postgresql_where=text("NOT done")),
)

# A task that has reminded: once for each time that was set.
reminders = Table(
    "reminders",
    metadata,
    _id(),
    _owner(),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("remind_at", DateTime(timezone=True), nullable=False),
    _time("fired_at"),
    Column("seen_at", DateTime(timezone=True)),
    Column("email", Text, nullable=False),  # off, pending, sent, failed
    Column("email_attempts", Integer, nullable=False, server_default="0"),
    _time("email_next_at"),
    UniqueConstraint("task_id", "remind_at", name="reminders_once"),
    Index("reminders_owner", "owner", "fired_at"),
    Index("reminders_email", "email_next_at", postgresql_where=text("email = 'pending'")),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _owner(),
    Column("role", Text, nullable=False),  # user, assistant
    Column("text", Text, nullable=False),
    _time("created_at"),
    Index("messages_owner", "owner", "id"),
)

# What is limited in number: failed logins, new accounts, messages to the assistant.
attempts = Table(
    "attempts",
    metadata,
    _id(),
    Column("key", Text, nullable=False),
    _time("at"),
    Index("attempts_key", "key", "at"),
)
