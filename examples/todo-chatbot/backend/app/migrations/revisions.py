"""Which migrations a database needs, found without loading Alembic when it needs none."""

from pathlib import Path

from sqlalchemy import Connection, Engine, text

FOLDER = Path(__file__).parent

# Replicas start side by side: one migrates, the others wait and find nothing to do.
LOCK = 4_004


def known() -> list[str]:
    """The revisions of this version of the application, in order."""
    return sorted(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def bring_up_to_date(engine: Engine) -> None:
    """Migrates if need be, in one transaction.

    A revision that is not known is a newer one: this version has been rolled back to, or is about to be replaced.
    Migrations only add what the version before can do without, so it works there as well.
    """
    with engine.begin() as connection:
        if not _is_behind(connection):
            return
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _is_behind(connection):
            _upgrade(connection)


def current(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _is_behind(connection: Connection) -> bool:
    revision = current(connection)
    return revision is None or revision in known()[:-1]


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
