"""What a worker says of itself in the registry."""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict, Field, ValidationError

RESUME = "resume"
"""The capability to go on in the middle of a reply that another worker began (`Start.first_segment`)."""


class ModelRecord(BaseModel):
    """A voice whose files a worker has. Languages are BCP 47."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    languages: tuple[str, ...] = ()
    resident: bool = False


class WorkerRecord(BaseModel):
    """One worker. Fields of a newer version are ignored.

    `address` is what clients connect to, `capacity` the REALTIME replies it takes at once, `active` those it speaks now
    or that wait there, and `instance` tells two processes apart that were started under one name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    address: str = Field(min_length=1)
    engine: str = ""
    languages: tuple[str, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    capacity: int = Field(0, ge=0)
    active: int = Field(0, ge=0)
    version: str = ""
    draining: bool = False
    capabilities: frozenset[str] = frozenset()
    instance: str = ""


def new_instance() -> str:
    """An id for this life of a process."""
    return secrets.token_hex(8)


def parse_record(text: str | bytes) -> WorkerRecord | None:
    """A record as it stands in the registry; None for what is none."""
    try:
        return WorkerRecord.model_validate_json(text)
    except ValidationError:
        return None
