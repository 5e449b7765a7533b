"""The child processes of `voicechat up`: the voice, the embedded mind where it is needed, and the orchestrator."""

from __future__ import annotations

import os
import sys

from pydantic import SecretStr

from voicechat.launch.environment import child_environment
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.launch.probes import grpc_is_serving, http_is_ok
from voicechat.launch.service import Service
from voicechat.llm.embedded import embedded_command
from voicechat.llm.find import Mind
from voicechat.settings import GrpcSettings, MindKind, Settings, WorkerSettings

VOICE_SECTIONS = ("worker", "tts", "models", "logging", "tracing", "profiling")
"""The voice of `up` is this machine's own: it is not told of a registry."""
WORKER_SECTIONS = (*VOICE_SECTIONS, "access", "grpc", "redis")
"""Of a worker that is not our child: it may be reached from elsewhere."""
MIND_SECTIONS = ("llm", "models", "logging")
ORCHESTRATOR_SECTIONS = tuple(name for name in Settings.model_fields if name != "client")
VOICE_STOP_GRACE_S = 8.0
MIND_STOP_GRACE_S = 3.0
ORCHESTRATOR_READY_TIMEOUT_S = 120.0
"""It is ready only once the voice is, and a cold disk reads both."""
ANY_ADDRESS = ("", "0.0.0.0", "::")


def voice_service(settings: Settings) -> Service:
    """The worker, on loopback ports that stay the same however often it is restarted."""
    worker = _on_free_ports(settings.worker)
    environment = child_environment(settings.model_copy(update={"worker": worker}), VOICE_SECTIONS, os.environ)
    return Service(
        "voice",
        (sys.executable, "-m", "voicechat.tts"),
        environment,
        LOOPBACK,
        worker.port,
        grpc_is_serving(f"{LOOPBACK}:{worker.port}"),
        stop_grace_s=VOICE_STOP_GRACE_S,
    )


def _on_free_ports(worker: WorkerSettings) -> WorkerSettings:
    return worker.model_copy(
        update={
            "host": LOOPBACK,
            "port": free_port(),
            "metrics_port": free_port(),
            "drain_s": min(worker.drain_s, VOICE_STOP_GRACE_S - 2),
        }
    )


def mind_service(settings: Settings) -> Service:
    """The embedded language model, on one loopback port for all its lives."""
    port = settings.llm.embedded_port or free_port()
    environment = child_environment(settings, MIND_SECTIONS, os.environ)
    # Its key belongs to another server.
    for secret in ("VOICECHAT_LLM__API_KEY", "VOICECHAT_LLM__BASE_URL"):
        environment.pop(secret, None)
    return Service(
        "mind",
        tuple(embedded_command(settings, port=port)),
        environment,
        LOOPBACK,
        port,
        http_is_ok(f"http://{LOOPBACK}:{port}/health"),
        stop_grace_s=MIND_STOP_GRACE_S,
    )


def orchestrator_service(settings: Settings, mind: Mind, voice_address: str) -> Service:
    """The orchestrator, told which mind was found and where the voice is."""
    environment = child_environment(
        settings.model_copy(
            update={
                "tts": settings.tts.model_copy(update={"worker_address": voice_address}),
                "llm": settings.llm.model_copy(update=_pinned(mind)),
                # Our own voice answers on loopback, without credentials.
                "grpc": GrpcSettings(),
                # Nobody else is there to take the conversations.
                "server": settings.server.model_copy(update={"drain_s": 0.0}),
            }
        ),
        (*ORCHESTRATOR_SECTIONS, ""),
        os.environ,
    )
    server = settings.server
    host, ops_host = (LOOPBACK if each in ANY_ADDRESS else each for each in (server.host, server.ops_host))
    return Service(
        "ears",
        (sys.executable, "-m", "voicechat.launch.alone"),
        environment,
        host,
        server.port,
        http_is_ok(f"http://{ops_host}:{server.health_check_port}/readiness"),
        ready_timeout_s=ORCHESTRATOR_READY_TIMEOUT_S,
        stop_grace_s=server.shutdown_grace_s + 2,
    )


def _pinned(mind: Mind) -> dict[str, object]:
    """Settings that mean exactly this mind."""
    return {
        "mind": MindKind.OPENAI,
        "base_url": mind.base_url,
        "model": mind.model,
        "api_key": SecretStr(mind.api_key),
    }
