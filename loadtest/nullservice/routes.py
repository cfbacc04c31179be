"""The only route, which both versions share."""

from fastapi import APIRouter

router = APIRouter()


@router.get("/null")
async def null() -> dict[str, str]:
    return {"status": "ok"}
