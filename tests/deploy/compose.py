"""An installation in a directory of its own, driven by the very commands of an operator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from voicechat.launch.ports import free_port

ROOT = Path(__file__).parents[2]
FILES = ("docker-compose*.yml", "Caddyfile", ".env.example", "configs", "deploy", "monitoring")
KEPT_VARIABLES = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG")
"""Of the environment, what finds Docker; the rest could set what an operator has not."""
PUBLISHED = (
    "HTTP_PORT",
    "HTTPS_PORT",
    "WEB_TLS_PORT",
    "LIVEKIT_TLS_PORT",
    "RTC_TCP_PORT",
    "API_PORT",
    "OPS_PORT",
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
)
MEDIA = {"RTC_PORT_START": 31_900, "RTC_PORT_END": 31_939}
"""Below those that the system gives to other programs' connections, of which a machine of tests has many."""


@dataclass(slots=True)
class Installation:
    """The files an operator has on a server. `ports` are those published on this machine, by variable."""

    directory: Path
    ports: dict[str, int]

    @classmethod
    def copied(cls, directory: Path) -> Installation:
        """The repository's own files, and nothing configured yet."""
        directory.mkdir()
        for pattern in FILES:
            for source in ROOT.glob(pattern):
                target = directory / source.name
                shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        return cls(directory, {name: free_port() for name in PUBLISHED} | MEDIA)

    def initialise(self, **variables: str) -> None:
        """Run `voicechat init`, then edit .env.prod as the operator would."""
        self.run("deploy/voicechat", "init")
        self.edit(**{name: str(port) for name, port in self.ports.items()}, **variables)

    def edit(self, **variables: str) -> None:
        """Set variables of .env.prod that the template has."""
        path = self.directory / ".env.prod"
        lines = path.read_text().splitlines()
        for name, value in variables.items():
            places = [index for index, line in enumerate(lines) if line.startswith(f"{name}=")]
            assert len(places) == 1, f"{name} stands {len(places)} times in .env.example"
            lines[places[0]] = f"{name}={value}"
        path.write_text("\n".join(lines) + "\n")

    def run(self, *command: str, timeout_s: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in the directory, without settings of ours in its environment."""
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        done = subprocess.run(
            command, cwd=self.directory, env=kept, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def compose(
        self, *arguments: str, file: str = "prod", timeout_s: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose` with one of the files."""
        command = ("docker", "compose", "-f", f"docker-compose.{file}.yml", *arguments)
        return self.run(*command, timeout_s=timeout_s, check=check)

    def inspect(self, services: Sequence[str] = (), file: str = "prod") -> list[dict[str, Any]]:
        """What the engine knows of the running containers."""
        ids = self.compose("ps", "--quiet", *services, file=file).stdout.split()
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", *ids).stdout)
        return found

    def container(self, identity: str) -> dict[str, Any]:
        """What the engine knows of one container, whether it runs or not."""
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", identity).stdout)
        return found[0]

    def started_once(self, service: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A container of a service with other variables, beside those that run, until it ends by itself."""
        given = (part for name, value in variables.items() for part in ("--env", f"{name}={value}"))
        command = ("run", "--rm", "--no-deps", "-T", *given, service)
        return self.compose(*command, timeout_s=60, check=False)

    def synthesis(self, key: str, text: str, timeout_s: float = 60) -> httpx.Response:
        """The answer to a request for speech, on this machine."""
        address = f"http://127.0.0.1:{self.ports['API_PORT']}/synthesize"
        return httpx.post(address, json={"text": text}, headers={"Authorization": f"Bearer {key}"}, timeout=timeout_s)

    def in_container(self, service: str, command: str) -> subprocess.CompletedProcess[str]:
        """A shell command in a running container, whatever its outcome."""
        return self.compose("exec", "-T", service, "sh", "-c", command, check=False)

    def remove(self) -> None:
        """Everything that was started, with its volumes."""
        for file in ("prod", "monitoring"):
            profiles = ("--profile", "*")
            self.compose(*profiles, "down", "--volumes", "--timeout", "5", file=file, timeout_s=180, check=False)
