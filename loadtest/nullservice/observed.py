from kit.service import create_app
from loadtest.nullservice.routes import router

app = create_app("nullservice")
app.include_router(router)
