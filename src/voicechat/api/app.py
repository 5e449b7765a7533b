"""The app of port 8080: speech, the Realtime WebSocket, and the page."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from voicechat.api.body_limit import BodyLimit
from voicechat.api.door import door_router
from voicechat.api.errors import install_error_handlers
from voicechat.api.guard import OriginGuard
from voicechat.api.key_guard import KeyGuard
from voicechat.api.listings import listings_router
from voicechat.api.page import PAGE_DIRECTORY, page_route, reach_of
from voicechat.api.realtime import realtime_router
from voicechat.api.reference import install_reference
from voicechat.api.rooms import rooms_router
from voicechat.api.services import Services
from voicechat.api.speech import speech_router
from voicechat.api.transcriptions import transcriptions_router

LOCAL_ORIGINS = r"https?://(localhost|[a-z0-9-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?"
"""Pages of this machine, such as a development server of the page on another port."""


def create_app(services: Services, page_directory: Path = PAGE_DIRECTORY) -> FastAPI:
    """The API and the page on `services`."""
    app = FastAPI(
        title="voicechat",
        version=version("voicechat"),
        description="A voice assistant you can interrupt, on your own machines.",
        docs_url=None,
        redoc_url=None,
    )
    server = services.settings.server
    install_error_handlers(app)
    routers = (speech_router, transcriptions_router, listings_router, realtime_router, rooms_router, door_router)
    for make_router in routers:
        app.include_router(make_router(services))
    install_reference(app)
    app.router.routes.append(page_route(page_directory, reach_of(services.settings)))
    app.add_middleware(BodyLimit, max_bytes=server.max_body_bytes)
    app.add_middleware(KeyGuard, access=services.access)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=server.allowed_origins,
        allow_origin_regex=LOCAL_ORIGINS,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "Api-Key"],
        expose_headers=["Retry-After"],
    )
    app.add_middleware(OriginGuard, allowed_hosts=server.allowed_hosts, allowed_origins=server.allowed_origins)
    return app
