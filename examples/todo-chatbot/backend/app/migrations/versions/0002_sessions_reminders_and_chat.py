"""Sessions that end, tasks with notes, priority and due date, stored reminders, the conversation, and limits.

The list that guests shared before stays where it is, with its owner, whose empty password hash nobody can match.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, TIME, nullable=False, server_default=sa.func.now())


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def _owner() -> sa.Column[int]:
    return sa.Column("owner", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    op.add_column("tasks", sa.Column("notes", sa.Text, nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("priority", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("tasks", sa.Column("due_date", sa.Date))
    op.add_column("tasks", _time("updated_at"))
    op.add_column("tasks", sa.Column("done_at", TIME))
    op.create_index("tasks_remind_at", "tasks", ["remind_at"], postgresql_where=sa.text("NOT done"))

    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        _owner(),
        _time("created_at"),
        sa.Column("expires_at", TIME, nullable=False),
    )
    op.create_index("sessions_owner", "sessions", ["owner"])

    op.create_table(
        "reminders",
        _id(),
        _owner(),
        sa.Column(
            "task_id",
            sa.BigInteger,
            sa.ForeignKey("tasks.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("remind_at", TIME, nullable=False),
        _time("fired_at"),
        sa.Column("seen_at", TIME),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_attempts", sa.Integer, nullable=False, server_default="0"),
        _time("email_next_at"),
        sa.UniqueConstraint("task_id", "remind_at", name="reminders_once"),
    )
    op.create_index("reminders_owner", "reminders", ["owner", "fired_at"])
    op.create_index(
        "reminders_email",
        "reminders",
        ["email_next_at"],
        postgresql_where=sa.text("email = 'pending'"),
    )

    op.create_table(
        "messages",
        _id(),
        _owner(),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        _time("created_at"),
    )
    op.create_index("messages_owner", "messages", ["owner", "id"])

    op.create_table("attempts", _id(), sa.Column("key", sa.Text, nullable=False), _time("at"))
    op.create_index("attempts_key", "attempts", ["key", "at"])


def downgrade() -> None:
    for table in ("attempts", "messages", "reminders", "sessions"):
        op.drop_table(table)
    op.drop_index("tasks_remind_at", "tasks")
    for column in ("done_at", "updated_at", "due_date", "priority", "notes"):
        op.drop_column("tasks", column)
