"""Is the process alive, and can it do its work."""

from fastapi import APIRouter

from .common import ServicesDep

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers, however busy or broken the database is."""
    return {"status": "ok"}


@router.get("/ready")
def ready(services: ServicesDep) -> dict[str, str]:
    """The database answers too, and has its tables."""
    services.database.ping()
    return {"status": "ready"}
