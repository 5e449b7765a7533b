"""Each container as the engine sees it, and what a process in one can reach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from deploy.compose import Installation
from deploy.outside import somebody_outside
from deploy.report import Report, confinement

OURS = ("orchestrator", "tts0", "llm", "web")
MAY_ADD = {"caddy": ["NET_BIND_SERVICE"]}
SERVICES = (*OURS, "redis", "livekit", "caddy")


@pytest.fixture(scope="module")
def containers(installed: Installation, report: Report) -> dict[str, dict[str, Any]]:
    found = {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in installed.inspect(SERVICES)}
    report["confinement"] = {service: confinement(one) for service, one in found.items()}
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_healthy_and_confined(containers: dict[str, dict[str, Any]], service: str) -> None:
    one = containers[service]
    host = one["HostConfig"]
    assert one["State"]["Health"]["Status"] == "healthy"
    assert one["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert [name.removeprefix("CAP_") for name in host["CapAdd"] or []] == MAY_ADD.get(service, [])
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not host["Privileged"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert 0 < host["PidsLimit"] <= 512
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-file": "10", "max-size": "100m"}


@pytest.mark.parametrize("service", OURS)
def test_our_processes_run_as_user_1000(installed: Installation, service: str) -> None:
    assert installed.in_container(service, "id -u").stdout.strip() == "1000"


def test_only_the_ports_of_the_public_are_bound_to_every_address(
    installed: Installation, containers: dict[str, dict[str, Any]]
) -> None:
    public = {
        (service, port)
        for service, one in containers.items()
        for port, bindings in one["HostConfig"]["PortBindings"].items()
        if any(binding["HostIp"] != "127.0.0.1" for binding in bindings)
    }
    ports = installed.ports
    media = {("livekit", f"{port}/udp") for port in range(ports["RTC_PORT_START"], ports["RTC_PORT_END"] + 1)}
    doors = {("caddy", f"{port}/tcp") for port in (80, 443, 8443, 8444)}
    assert public == media | doors | {("livekit", f"{ports['RTC_TCP_PORT']}/tcp")}


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, int]]:
    """An address beyond this machine, where somebody listens."""
    with somebody_outside() as address:
        yield address


def test_who_must_has_a_way_out(installed: Installation, outside: tuple[str, int]) -> None:
    assert _connects(installed, "orchestrator", *outside)


@pytest.mark.parametrize("service", ["tts0", "llm", "redis", "web"])
def test_inner_services_have_no_way_out(
    installed: Installation, containers: dict[str, dict[str, Any]], outside: tuple[str, int], service: str
) -> None:
    assert list(containers[service]["NetworkSettings"]["Networks"]) == ["tts-network"]
    assert not _connects(installed, service, *outside)


@pytest.mark.parametrize(("service", "address", "port"), [("tts0", "redis", 6379), ("orchestrator", "tts0", 7001)])
def test_a_process_connects_where_it_should(installed: Installation, service: str, address: str, port: int) -> None:
    assert _connects(installed, service, address, port)


@pytest.mark.parametrize("service", ["tts0", "orchestrator", "livekit"])
def test_nobody_changes_the_configuration_of_caddy(installed: Installation, service: str) -> None:
    assert not _connects(installed, service, "caddy", 2019)


def _connects(installed: Installation, service: str, address: str, port: int) -> bool:
    tried = installed.in_container(service, f"timeout 3 bash -c '</dev/tcp/{address}/{port}' && echo connected")
    assert "not found" not in tried.stderr
    return tried.stdout.strip() == "connected"


def test_redis_tells_nothing_without_the_password(installed: Installation) -> None:
    assert "NOAUTH" in installed.in_container("redis", "redis-cli get anything").stdout


@pytest.mark.parametrize("service", ["orchestrator", "tts0"])
def test_the_code_cannot_be_changed_by_who_runs_it(installed: Installation, service: str) -> None:
    assert installed.in_container(service, "touch /opt/venv/x /app/configs/x").returncode != 0
    assert installed.in_container(service, "touch /app/logs/x /app/profiles/x /tmp/x").returncode == 0


@pytest.mark.parametrize("service", ["orchestrator", "tts0", "llm"])
def test_no_image_holds_a_compiler_or_a_package_cache(installed: Installation, service: str) -> None:
    command = "for tool in sh gcc cc pip uv strip; do command -v $tool; done; find / -xdev -path '*/apt/lists/*'"
    found = installed.in_container(service, command).stdout.split()
    assert found == ["/usr/bin/sh"]


def test_no_secret_is_shown_by_docker_inspect(installed: Installation, containers: dict[str, dict[str, Any]]) -> None:
    shown = json.dumps(containers)
    secrets = {path.name: path.read_text() for path in (installed.directory / "secrets").iterdir()}
    assert secrets["livekit_api_secret"]
    assert [name for name, value in secrets.items() if value and value in shown] == []
