"""`voicechat doctor --deployment`: whether an installation by Docker Compose would start, and be safe."""

from __future__ import annotations

import ipaddress
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from dotenv import dotenv_values

from voicechat.deployment.engine import Engine
from voicechat.deployment.host import Host
from voicechat.deployment.layout import CERTIFICATES, ENV_FILE, ENV_LINK, SECRETS, TEMPLATE, DeploymentError
from voicechat.deployment.secret_files import KNOWN, REDIS_URL, Secret
from voicechat.launch.doctor import Finding, Verdict
from voicechat.launch.ports import PortInUseError, check_free
from voicechat.models.catalogue import DEFAULT_MODELS, UnknownModelError, find_model

WEAK = 16
"""Characters below which a secret can be guessed."""
MIN_FREE_BYTES = 5 * 10**9
SOURCES_OF_CERTIFICATES = ("auto", "files", "internal")
ADAPTERS_OF_EARS = ("whisper", "whisper-full")
MEDIA_PORTS = {"RTC_PORT_START": "50000", "RTC_PORT_END": "50099"}
INIT = "deploy/voicechat init"
PUBLIC = "0.0.0.0"  # noqa: S104 - asked whether it is free

Values = Mapping[str, str]


def check_deployment(directory: Path, host: Host, engine: AbstractContextManager[Engine]) -> Iterator[Finding]:
    """Look at the files of the installation, then at the engine that is to run it."""
    if not (directory / ENV_FILE).exists():
        yield Finding(ENV_FILE, Verdict.FAIL, f"not in {directory}", INIT)
        return
    values = {name: value or "" for name, value in dotenv_values(directory / ENV_FILE, interpolate=False).items()}
    yield from env_file(directory, values)
    yield from secret_files(directory)
    yield mind(directory, values)
    yield certificate(directory, values)
    yield from models(values)
    yield from cores(values, host)
    yield disk(directory)
    yield media_ports(values, host.lent_ports, host.reserved_ports)
    try:
        with engine as connected:
            yield from _engine(connected, values)
    except DeploymentError as error:
        yield Finding("docker", Verdict.FAIL, str(error), "systemctl start docker")


def env_file(directory: Path, values: Values) -> Iterator[Finding]:
    """Whether everybody finds it, nobody else reads it, and what must be set is set."""
    path = directory / ENV_FILE
    if _open_to_others(path):
        yield Finding(ENV_FILE, Verdict.WARN, "other users of this machine can read it", f"chmod 600 {ENV_FILE}")
    if not (directory / ENV_LINK).exists():
        yield Finding(ENV_LINK, Verdict.FAIL, "missing: Compose reads no settings", f"ln -s {ENV_FILE} {ENV_LINK}")
    known = dotenv_values(directory / TEMPLATE, interpolate=False) if (directory / TEMPLATE).exists() else values
    for name in sorted(set(values) - set(known)):
        yield Finding(name, Verdict.WARN, f"no variable of {TEMPLATE}", f"remove it from {ENV_FILE}, or mend its name")
    for secret in KNOWN:
        if secret.variable and values.get(secret.variable):
            yield Finding(secret.variable, Verdict.FAIL, f"a secret in {ENV_FILE}", f"{INIT} moves it into a file")
    yield _set("LIVEKIT_API_KEY", values, INIT)
    yield node_ip(values.get("NODE_IP", ""))


def node_ip(address: str) -> Finding:
    """Where callers send their voice to."""
    mend = f"set NODE_IP in {ENV_FILE} to the address under which callers reach this machine"
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return Finding("NODE_IP", Verdict.FAIL, f"{address!r} is no address", mend)
    if found.is_loopback:
        return Finding("NODE_IP", Verdict.WARN, f"{address}: only this machine can call", mend)
    return Finding("NODE_IP", Verdict.OK, address)


def secret_files(directory: Path) -> Iterator[Finding]:
    """Whether secrets are there, long enough, and kept from other users."""
    folder = directory / SECRETS
    if folder.exists() and _open_to_others(folder):
        yield Finding(SECRETS, Verdict.FAIL, "other users of this machine can read them", f"chmod 700 {SECRETS}")
    broken = [finding for secret in (*KNOWN, Secret(REDIS_URL, 1)) if (finding := _secret(folder, secret))]
    yield from broken or [Finding(SECRETS, Verdict.OK, "there, and long enough")]


def _secret(folder: Path, secret: Secret) -> Finding | None:
    path = folder / secret.name
    name = f"{SECRETS}/{secret.name}"
    if not path.exists():
        return Finding(name, Verdict.FAIL, "missing", INIT)
    if secret.random_bytes and len(path.read_text().strip()) < WEAK:
        return Finding(name, Verdict.FAIL, f"shorter than {WEAK} characters", f"rm {name} && {INIT}")
    return None


def mind(directory: Path, values: Values) -> Finding:
    """Whether there is a language model to ask."""
    key = directory / SECRETS / "openai_api_key"
    if address := values.get("OPENAI_BASE_URL"):
        return Finding("language model", Verdict.OK, address)
    if key.exists() and key.read_text().strip():
        return Finding("language model", Verdict.OK, "OpenAI, by a key")
    mend = f"write a key into {SECRETS}/openai_api_key, or set OPENAI_BASE_URL in {ENV_FILE}"
    return Finding("language model", Verdict.FAIL, "no key and no address", mend)


def certificate(directory: Path, values: Values) -> Finding:
    """Whether TLS can work."""
    source = values.get("TLS") or "internal"
    if source not in SOURCES_OF_CERTIFICATES:
        return Finding("TLS", Verdict.FAIL, repr(source), f"one of {', '.join(SOURCES_OF_CERTIFICATES)}")
    absent = [name for name in ("cert.pem", "key.pem") if not (directory / CERTIFICATES / name).exists()]
    if source == "files" and absent:
        return Finding("TLS", Verdict.FAIL, f"no {' and no '.join(absent)} in {CERTIFICATES}/", "put them there")
    if source == "auto" and values.get("DOMAIN", "localhost") == "localhost":
        return Finding("TLS", Verdict.FAIL, "nobody certifies localhost", "set DOMAIN, or TLS=internal")
    return Finding("TLS", Verdict.OK, source)


def models(values: Values) -> Iterator[Finding]:
    """Whether the voice and the ears are known."""
    for variable in ("DEFAULT_MODEL", "ASR_MODEL"):
        try:
            find_model(values.get(variable) or DEFAULT_MODELS[0])
        except UnknownModelError as error:
            yield Finding(variable, Verdict.WARN, str(error), "well, if it is one of your own in the volume of models")
    ears = values.get("ASR_ADAPTER") or ADAPTERS_OF_EARS[0]
    if ears not in ADAPTERS_OF_EARS:
        mend = f"this image has {' and '.join(ADAPTERS_OF_EARS)}"
        yield Finding("ASR_ADAPTER", Verdict.FAIL, f"{ears} is not in the image", mend)


def cores(values: Values, host: Host) -> Iterator[Finding]:
    """Whether Docker will accept the limits."""
    over = {name: value for name, value in values.items() if name.endswith("_CPUS") and _number(value) > host.cores}
    for name, value in over.items():
        detail = f"{value} of the machine's {host.cores} cores"
        yield Finding(name, Verdict.FAIL, detail, f"set {name}={host.cores} in {ENV_FILE}: Docker refuses more")
    if not over:
        yield Finding("limits", Verdict.OK, f"within {host.cores} cores")


def disk(directory: Path) -> Finding:
    """Whether there is room for images, models, logs and backups."""
    free = shutil.disk_usage(directory).free
    detail = f"{free / 1e9:.1f} GB free"
    if free >= MIN_FREE_BYTES:
        return Finding("disk", Verdict.OK, detail)
    return Finding("disk", Verdict.FAIL, detail, f"make room: {MIN_FREE_BYTES / 1e9:.0f} GB at least")


def ports(values: Values, ours: Collection[int]) -> Iterator[Finding]:
    """Whether what is to be published is free. `ours` are ports that containers have already."""
    taken = []
    for name, value in values.items():
        if name.endswith("_PORT") and value.isdigit() and int(value) not in ours:
            try:
                check_free(PUBLIC, int(value), f"{name} in {ENV_FILE}")
            except PortInUseError as error:
                taken.append(Finding(name, Verdict.FAIL, str(error), f"set another {name} in {ENV_FILE}"))
    yield from taken or [Finding("ports", Verdict.OK, "free, or ours")]


def media_ports(values: Values, lent: range, reserved: str) -> Finding:
    """Whether no other program is given a port of LiveKit's: `lent` are those that the system gives to who asks."""
    first, last = (int(values.get(name) or default) for name, default in MEDIA_PORTS.items())
    span = f"{first}-{last}"
    if last < lent.start or first >= lent.stop or span in reserved.split(","):
        return Finding("media ports", Verdict.OK, span)
    mend = f"sysctl -w net.ipv4.ip_local_reserved_ports={span}, and a line in /etc/sysctl.d"
    return Finding("media ports", Verdict.WARN, f"the system may give one of {span} to another program", mend)


def _engine(engine: Engine, values: Values) -> Iterator[Finding]:
    yield Finding("docker", Verdict.OK, f"Engine {engine.info()['ServerVersion']}")
    wanted = {"tts-orchestrator:prod": "Dockerfile.orchestrator", "tts-web:prod": "Dockerfile.web"}
    profiles = values.get("COMPOSE_PROFILES", "")
    wanted |= {"tts-worker:prod": "Dockerfile.tts"} if "piper" in profiles else {}
    wanted |= {"tts-llm:prod": "Dockerfile.llm"} if "local-llm" in profiles else {}
    absent = [image for image in wanted if not engine.has_image(image)]
    if absent:
        mend = "docker compose -f docker-compose.prod.yml build"
        yield Finding("images", Verdict.FAIL, f"{', '.join(absent)} not built", mend)
    else:
        yield Finding("images", Verdict.OK, ", ".join(wanted))
    yield from ports(values, engine.published_ports())


def _set(name: str, values: Values, mend: str) -> Finding:
    if values.get(name):
        return Finding(name, Verdict.OK, "set")
    return Finding(name, Verdict.FAIL, f"not set in {ENV_FILE}", mend)


def _open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0
