from loadtest.nullservice.routes import router
from telemetry import create_app

app = create_app("nullservice")
app.include_router(router)
