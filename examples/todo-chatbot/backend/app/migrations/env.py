"""What Alembic runs: on the application's own connection, or by hand on DATABASE_URL."""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from app.schema import metadata


def migrate(connection: Connection | None = None, **options: Any) -> None:
    context.configure(connection=connection, target_metadata=metadata, **options)
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    if context.is_offline_mode():
        migrate(dialect_name="postgresql", literal_binds=True)
        return
    if connection := context.config.attributes.get("connection"):
        migrate(connection)
        return
    from app.database import Database
    from app.settings import Settings

    with Database(Settings.from_env().database_url).engine.begin() as connection:
        migrate(connection)


main()
