"""What an installation by Docker Compose consists of, by name: files beside the compose files, projects, volumes."""

from __future__ import annotations

TEMPLATE = ".env.example"
ENV_FILE = ".env.prod"
ENV_LINK = ".env"
"""A link to ENV_FILE, so that no command of Docker needs --env-file."""
SECRETS = "secrets"
CERTIFICATES = "certs"
BACKUPS = "backups"
IMAGE = "tts-orchestrator:prod"
PRODUCT = "full-duplex-voice-chat"
"""The project of docker-compose.prod.yml."""
MONITORING = "voicechat-monitoring"
"""The project of docker-compose.monitoring.yml."""


class DeploymentError(Exception):
    """Something of an installation is not as it should be; the text says what to do."""
