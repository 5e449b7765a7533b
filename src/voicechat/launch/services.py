"""The child processes of `voicechat up`: the voice, and the embedded mind where it is needed."""

from __future__ import annotations

import os
import sys

from voicechat.launch.environment import child_environment
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.launch.probes import grpc_is_serving, http_is_ok
from voicechat.launch.service import Service
from voicechat.llm.embedded import embedded_command
from voicechat.settings import Settings, WorkerSettings

VOICE_SECTIONS = ("worker", "tts", "models", "logging")
MIND_SECTIONS = ("llm", "models", "logging")
VOICE_STOP_GRACE_S = 8.0
MIND_STOP_GRACE_S = 3.0
MIND_PROBE_INTERVAL_S = 0.1


def voice_service(settings: Settings) -> Service:
    """The worker, on loopback ports that stay the same however often it is restarted."""
    worker = _on_free_ports(settings.worker)
    environment = child_environment(settings.model_copy(update={"worker": worker}), VOICE_SECTIONS, os.environ)
    address = f"{LOOPBACK}:{worker.port}"
    return Service(
        "voice",
        (sys.executable, "-m", "voicechat.tts"),
        environment,
        address,
        grpc_is_serving(address),
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
    address = f"{LOOPBACK}:{port}"
    return Service(
        "mind",
        tuple(embedded_command(settings, port=port)),
        environment,
        address,
        http_is_ok(f"http://{address}/health"),
        probe_interval_s=MIND_PROBE_INTERVAL_S,
        stop_grace_s=MIND_STOP_GRACE_S,
    )
