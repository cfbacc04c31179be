"""The one route that both share."""

from fastapi import APIRouter

router = APIRouter()


@router.get("/null")
async def null() -> dict[str, str]:
    return {"status": "ok"}
