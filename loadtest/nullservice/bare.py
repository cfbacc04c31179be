from fastapi import FastAPI

from loadtest.nullservice.routes import router

app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
app.include_router(router)
