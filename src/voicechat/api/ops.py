"""The app of port 8081: health, readiness, liveness, metrics and the fleet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voicechat.api.errors import install_error_handlers
from voicechat.api.guard import OriginGuard
from voicechat.api.health import Check, HealthMonitor
from voicechat.api.lifecycle import Lifecycle
from voicechat.api.metrics import Now, Shown
from voicechat.api.services import Services
from voicechat.api.summary import summary
from voicechat.fleet.port import VoiceError


def health_of(services: Services, clock: Callable[[], float] = time.monotonic) -> HealthMonitor:
    """Asks the parts that `services` stand on."""
    return HealthMonitor({"redis": services.redis, "worker": services.fleet.check}, clock)


def create_ops_app(services: Services, monitor: HealthMonitor, clock: Callable[[], float] = time.monotonic) -> FastAPI:
    """What operators and balancers ask of the process behind `services`. Metrics show what `monitor` found last."""
    app = FastAPI(title="voicechat ops", docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app)
    conversations = services.conversations

    def uptime_s() -> float:
        return round(clock() - services.started_at, 3)

    def now(checks: Mapping[str, Check | None]) -> Now:
        return Now(
            sessions=conversations.active,
            load=conversations.load,
            tasks=len(asyncio.all_tasks()),
            ready=is_ready(checks, services.lifecycle),
            parts={name: check.ok for name, check in checks.items() if check is not None},
        )

    @app.get("/health")
    async def health() -> Response:
        checks = await monitor.checks()
        return _report(checks, uptime_s(), healthy=all(check is None or check.ok for check in checks.values()))

    @app.get("/readiness")
    async def readiness() -> Response:
        checks = await monitor.checks()
        return _report(checks, uptime_s(), healthy=is_ready(checks, services.lifecycle))

    @app.get("/liveness")
    async def liveness() -> dict[str, Any]:
        return {"status": "alive", "uptime_seconds": uptime_s()}

    @app.get("/workers")
    async def show_workers() -> Response:
        try:
            known = await services.fleet.workers()
        except VoiceError as error:
            return JSONResponse({"workers": [], "error": str(error)}, 503)
        return JSONResponse({"workers": [worker.model_dump(mode="json", exclude={"instance"}) for worker in known]})

    @app.get("/metrics")
    async def show_metrics(request: Request) -> Response:
        shown = Shown(now(monitor.last))
        # Beside the event loop: collecting may take longer than a tick of playout.
        text, content_type = await asyncio.to_thread(shown.exposition, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    @app.get("/metrics/summary")
    async def show_summary() -> dict[str, Any]:
        shown = Shown(now(monitor.last))
        return {"status": "ok", "uptime_seconds": uptime_s(), "metrics": await asyncio.to_thread(_summarize, shown)}

    server = services.settings.server
    app.add_middleware(OriginGuard, allowed_hosts=server.allowed_hosts, allowed_origins=server.allowed_origins)
    return app


def is_ready(checks: Mapping[str, Check | None], lifecycle: Lifecycle) -> bool:
    """Whether new work may come: a lost Redis must not empty a balancer, a lost worker must."""
    worker = checks.get("worker")
    return lifecycle.wants_more and worker is not None and worker.ok


def _summarize(shown: Shown) -> dict[str, Any]:
    return summary(shown.collect())


def _report(checks: Mapping[str, Check | None], uptime_s: float, *, healthy: bool) -> Response:
    body = {
        "status": "healthy" if healthy else "unhealthy",
        "uptime_seconds": uptime_s,
        **{name: check and check.ok for name, check in checks.items()},
        "checks": {name: check and asdict(check) for name, check in checks.items()},
    }
    return JSONResponse(body, 200 if healthy else 503, headers={"Cache-Control": "no-store"})
