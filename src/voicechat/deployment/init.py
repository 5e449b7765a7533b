"""`voicechat init`: what must be there before an installation by Docker Compose starts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from voicechat.deployment.host import Host
from voicechat.deployment.layout import CERTIFICATES, ENV_FILE, ENV_LINK, TEMPLATE, DeploymentError
from voicechat.deployment.secret_files import KNOWN, make_secrets, put_secret

PRIVATE = 0o600
CORES = {"ORCHESTRATOR": 4, "TTS": 2, "LLM": 2, "LIVEKIT": 2}
MEMORY_MIB = {
    "ORCHESTRATOR_MEMORY": (8192, 0.6),
    "ORCHESTRATOR_MEMORY_RESERVED": (4096, 0.3),
    "TTS_MEMORY": (4096, 0.4),
    "TTS_MEMORY_RESERVED": (2048, 0.2),
}
"""What a container gets, and the share of the machine that it gets at most."""


def initialise(directory: Path, host: Host, domain: str, node_ip: str | None) -> Iterator[str]:
    """Write `.env.prod`, its link and random secrets, with limits that fit the host; yields what was done.

    What exists stays as it is, but for secrets given in `.env.prod`: they move into files, where `docker inspect` does
    not show them. Raises `DeploymentError` where there is no template.
    """
    env_file = directory / ENV_FILE
    if not env_file.exists():
        _configure(directory, _values(host, domain, node_ip or host.address))
        yield ENV_FILE
    link = directory / ENV_LINK
    if not link.exists():
        link.symlink_to(ENV_FILE)
    (directory / CERTIFICATES).mkdir(exist_ok=True)
    yield from (str(path.relative_to(directory)) for path in make_secrets(directory))
    yield from _moved(directory)


def limits(host: Host) -> dict[str, str]:
    """Limits of the containers by variable: the specified ones, or what the machine has."""
    cores = {f"{name}_CPUS": str(min(wanted, host.cores)) for name, wanted in CORES.items()}
    memory = {name: f"{min(wanted, int(host.memory_mib * share))}M" for name, (wanted, share) in MEMORY_MIB.items()}
    return cores | memory


def _values(host: Host, domain: str, node_ip: str) -> dict[str, str]:
    key = f"voicechat-{secrets.token_hex(6)}"
    return {"DOMAIN": domain, "NODE_IP": node_ip, "LIVEKIT_API_KEY": key} | limits(host)


def _configure(directory: Path, values: dict[str, str]) -> None:
    template = directory / TEMPLATE
    if not template.exists():
        raise DeploymentError(f"{directory} holds no {TEMPLATE}: run this where docker-compose.prod.yml is")
    _write(directory / ENV_FILE, _with(template.read_text(), values))


def _moved(directory: Path) -> Iterator[str]:
    """Secrets that stand in `.env.prod`, into their files."""
    env_file = directory / ENV_FILE
    given = dotenv_values(env_file, interpolate=False)
    for secret in KNOWN:
        value = given.get(secret.variable or "")
        if secret.variable and value:
            path = put_secret(directory, secret.name, value)
            _write(env_file, _with(env_file.read_text(), {secret.variable: ""}))
            yield f"{secret.variable} of {ENV_FILE} is now in {path.relative_to(directory)}"


def _with(text: str, values: dict[str, str]) -> str:
    """The text of a file of settings, with values for variables that it has."""

    def line(found: re.Match[str]) -> str:
        name = found[1]
        return f"{name}={values[name]}" if name in values else found[0]

    return re.sub(r"^(\w+)=.*$", line, text, flags=re.MULTILINE)


def _write(path: Path, text: str) -> None:
    path.touch(PRIVATE)
    path.write_text(text)
    path.chmod(PRIVATE)
