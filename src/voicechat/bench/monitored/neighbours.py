"""What stands beside the product and shows metrics of its own: LiveKit, Caddy, Redis by its exporter, the machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from voicechat.bench.chaos.parts import Orchestrator, Part
from voicechat.bench.monitored.programs import program
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.settings import LiveKitSettings

_KEY, _SECRET = "benchkey", "a-secret-of-thirty-two-characters"
_PUBLISHED = re.compile(r"(?<=:)(?:443|8443|8444|2020)(?=[, ])")
_GLOBALS = "{{\n\thttp_port {http}\n\t# The machine's own trust store is nobody's to change.\n\tskip_install_trust\n"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One process, and where Prometheus asks it."""

    part: Part
    target: str


def node_exporter(directory: Path) -> Neighbour:
    """What the machine does. Raises `BenchError` where it is not installed, like all of these."""
    target = f"{LOOPBACK}:{free_port()}"
    command = (program("prometheus-node-exporter", "node_exporter"), f"--web.listen-address={target}")
    return Neighbour(Part("node", command, directory / "node.log"), target)


def redis_exporter(redis_port: str, directory: Path) -> Neighbour:
    """What the Redis at `redis_port` does."""
    target = f"{LOOPBACK}:{free_port()}"
    address = f"-redis.addr=redis://{LOOPBACK}:{redis_port}"
    command = (program("prometheus-redis-exporter", "redis_exporter"), address, f"-web.listen-address={target}")
    return Neighbour(Part("redis-exporter", command, directory / "redis-exporter.log"), target)


def livekit(binary: str, config: Path, directory: Path) -> tuple[Neighbour, LiveKitSettings]:
    """A server with the shipped configuration on ports of its own, and what an orchestrator must know of it."""
    told: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    told["port"], told["rtc"]["tcp_port"] = free_port(), free_port()
    told["prometheus"]["port"], told["webhook"]["urls"] = free_port(), []
    file = directory / "livekit.yaml"
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    environment = {**os.environ, "LIVEKIT_KEYS": f"{_KEY}: {_SECRET}", "LIVEKIT_WEBHOOK_API_KEY": _KEY}
    command = (binary, "--config", str(file), "--node-ip", LOOPBACK, "--bind", LOOPBACK)
    part = Part("livekit", command, directory / "livekit.log", environment)
    settings = LiveKitSettings(url=f"ws://{LOOPBACK}:{told['port']}", api_key=_KEY, api_secret=SecretStr(_SECRET))
    return Neighbour(part, f"{LOOPBACK}:{told['prometheus']['port']}"), settings


def caddy(shipped: Path, head: Orchestrator, directory: Path) -> tuple[Neighbour, str]:
    """The shipped Caddyfile in front of `head`, on ports of its own; and the address of the door."""
    ports = {port: str(free_port()) for port in ("443", "8443", "8444", "2020")}
    text = _PUBLISHED.sub(lambda found: ports[found[0]], shipped.read_text(encoding="utf-8"))
    text = text.replace("localhost:2019", f"localhost:{free_port()}")
    text = text.replace("orchestrator:8080 orchestrator-next:8080", f"{head.host}:{head.port}")
    text = text.replace("health_port 8081", f"health_port {head.ops_port}")
    text = text.replace("{\n", _GLOBALS.format(http=free_port()), 1)
    file = directory / "Caddyfile"
    file.write_text(text, encoding="utf-8")
    places = {"XDG_DATA_HOME": str(directory / "caddy"), "XDG_CONFIG_HOME": str(directory / "caddy")}
    command = (program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile")
    part = Part("caddy", command, directory / "caddy.log", {**os.environ, **places})
    return Neighbour(part, f"{LOOPBACK}:{ports['2020']}"), f"https://localhost:{ports['443']}"
