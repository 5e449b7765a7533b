"""Each container as the engine sees it, and what a process in one can reach."""

from __future__ import annotations

from typing import Any

import pytest
from deploy.compose import Installation

OURS = ("orchestrator", "tts0", "llm", "web")
MAY_ADD = {"caddy": ["NET_BIND_SERVICE"]}
SERVICES = (*OURS, "redis", "livekit", "caddy")


@pytest.fixture(scope="module")
def containers(installed: Installation) -> dict[str, dict[str, Any]]:
    found = installed.inspect(SERVICES)
    return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_healthy_and_confined(containers: dict[str, dict[str, Any]], service: str) -> None:
    one = containers[service]
    host = one["HostConfig"]
    assert one["State"]["Health"]["Status"] == "healthy"
    assert one["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert (host["CapAdd"] or []) == MAY_ADD.get(service, [])
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


def test_only_the_ports_of_the_public_are_bound_to_every_address(containers: dict[str, dict[str, Any]]) -> None:
    public = {
        (service, port)
        for service, one in containers.items()
        for port, bindings in one["HostConfig"]["PortBindings"].items()
        if any(binding["HostIp"] != "127.0.0.1" for binding in bindings)
    }
    media = {("livekit", f"{port}/udp") for port in range(50000, 50100)}
    doors = {("caddy", f"{port}/tcp") for port in (80, 443, 8443, 8444)}
    assert public == media | doors | {("livekit", "7881/tcp")}


@pytest.mark.parametrize("service", ["tts0", "llm", "redis", "web"])
def test_inner_services_have_no_way_out(containers: dict[str, dict[str, Any]], service: str) -> None:
    assert list(containers[service]["NetworkSettings"]["Networks"]) == ["tts-network"]


@pytest.mark.parametrize(
    ("service", "address", "port"),
    [("tts0", "1.1.1.1", 443), ("tts0", "caddy", 2019), ("orchestrator", "caddy", 2019)],
)
def test_a_process_cannot_connect_where_it_should_not(
    installed: Installation, service: str, address: str, port: int
) -> None:
    tried = installed.in_container(service, f"timeout 3 bash -c '</dev/tcp/{address}/{port}'")
    assert tried.returncode != 0


def test_redis_tells_nothing_without_the_password(installed: Installation) -> None:
    assert "NOAUTH" in installed.in_container("redis", "redis-cli get anything").stdout


@pytest.mark.parametrize("service", ["orchestrator", "tts0"])
def test_the_code_cannot_be_changed_by_who_runs_it(installed: Installation, service: str) -> None:
    assert installed.in_container(service, "touch /opt/venv/x /app/configs/x").returncode != 0
    assert installed.in_container(service, "touch /app/logs/x /app/profiles/x /tmp/x").returncode == 0


def test_no_image_holds_a_compiler_or_a_package_cache(installed: Installation) -> None:
    for service in ("orchestrator", "tts0", "llm"):
        found = installed.in_container(
            service, "command -v gcc cc pip uv; ls /root/.cache /var/lib/apt/lists/*_Packages"
        )
        assert found.stdout == ""
