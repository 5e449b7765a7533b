"""A worker as the orchestrator sees it: its last record, and what this process has asked of it since."""

from __future__ import annotations

from voicechat.fleet.record import RESUME, ModelRecord, WorkerRecord


class Member:
    """One worker of the fleet. A seed is an address of which nothing else is known: it is taken to do everything."""

    __slots__ = ("_opened_since", "is_seed", "models", "record")

    def __init__(self, record: WorkerRecord, *, is_seed: bool = False) -> None:
        self.is_seed = is_seed
        self.update(record)

    @classmethod
    def seed(cls, address: str) -> Member:
        """The worker that the settings name."""
        record = WorkerRecord(name=address, address=address, capabilities=frozenset({RESUME}))
        return cls(record, is_seed=True)

    def update(self, record: WorkerRecord) -> None:
        """Its newest record; what was opened here before is in it."""
        self.record = record
        self.models: dict[str, ModelRecord] = {model.id: model for model in record.models}
        self._opened_since = 0

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.record.name

    @property
    def address(self) -> str:
        """Where it answers."""
        return self.record.address

    @property
    def load(self) -> float:
        """Share of its places that are taken: 1.0 is full."""
        return 0.0 if self.is_seed else self.active / max(1, self.record.capacity)

    @property
    def active(self) -> int:
        """Replies that it speaks."""
        return max(0, self.record.active + self._opened_since)

    def opened(self) -> None:
        """A reply of this process went there."""
        self._opened_since += 1

    def closed(self) -> None:
        """It ended."""
        self._opened_since -= 1

    def drains(self) -> None:
        """It said that it drains, before its record does."""
        self.record = self.record.model_copy(update={"draining": True})
