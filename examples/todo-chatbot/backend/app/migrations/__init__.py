"""Alembic's migrations: versions/NUMBER_name.py, each with its number as revision."""
