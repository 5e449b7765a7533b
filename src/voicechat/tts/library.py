"""The voices this worker can speak with: the store's, as far as its engine reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

import grpc

from voicechat.models.entry import ModelEntry, ModelKind
from voicechat.models.errors import ModelError, ModelMissingError, UnknownModelError
from voicechat.models.store import ModelStore
from voicechat.tts.engine import Engine, EngineError, Prosody, Voice
from voicechat.tts.leveling import voice_gain_db
from voicechat.tts.refusal import Refusal

_T = TypeVar("_T")


def _settle(future: Future[_T], run: Callable[[], _T]) -> None:
    """Give `future`, which is running, what `run` gives."""
    try:
        result = run()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


@dataclass(frozen=True, slots=True)
class LoadedVoice:
    """A resident model."""

    voice: Voice
    gain_db: float


class Library:
    """Finds and loads voices off the event loop.

    Args:
        store: Where models live.
        engine: What reads them.
        executor: Threads for looking at the disk.
    """

    def __init__(self, store: ModelStore, engine: Engine, executor: Executor) -> None:
        self._store = store
        self._engine = engine
        self._executor = executor
        self._loading: dict[str, Future[LoadedVoice]] = {}

    @property
    def engine(self) -> Engine:
        """What speaks."""
        return self._engine

    async def entries(self) -> list[tuple[ModelEntry, bool]]:
        """The voices this engine reads, and whether each is installed."""
        return await self._off_loop(self._entries)

    async def require(self, model_id: str) -> None:
        """Refuse a model that is unknown (NOT_FOUND), not a voice, or not installed (FAILED_PRECONDITION)."""
        await self._off_loop(lambda: self._find(model_id))

    async def load(self, model_id: str) -> LoadedVoice:
        """Load a voice, measure it where it never was, and let it speak once so that the first reply is not slow.

        A load has a thread of its own: one that hangs keeps nobody else from loading, nor the process from ending. Who
        asks again while it runs waits for it. Raises `Refusal`.
        """
        loading = self._loading.get(model_id)
        if loading is None or loading.done():
            loading = self._loading[model_id] = Future()
            loading.set_running_or_notify_cancel()
            Thread(target=_settle, args=(loading, lambda: self._load(model_id)), daemon=True).start()
        return await asyncio.wrap_future(loading)

    async def _off_loop(self, run: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, run)

    def _entries(self) -> list[tuple[ModelEntry, bool]]:
        return [(entry, self._store.installed(entry.id)) for entry in self._store.entries() if self._reads(entry)]

    def _reads(self, entry: ModelEntry) -> bool:
        return entry.kind is ModelKind.VOICE and entry.format.value == self._engine.name

    def _find(self, model_id: str) -> None:
        try:
            entry = self._store.entry(model_id)
            if not self._reads(entry):
                voices = [known.id for known in self._store.entries() if self._reads(known)]
                raise Refusal(
                    grpc.StatusCode.NOT_FOUND,
                    f"model {model_id!r} is not a voice for the {self._engine.name} engine; voices are "
                    f"{', '.join(voices[:8])}",
                )
            self._store.require(model_id)
        except UnknownModelError as error:
            raise Refusal(grpc.StatusCode.NOT_FOUND, str(error)) from error
        except ModelMissingError as error:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error
        except ModelError as error:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error

    def _load(self, model_id: str) -> LoadedVoice:
        self._find(model_id)
        directory = self._store.require(model_id)
        try:
            voice = self._engine.load(directory)
        except EngineError as error:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error
        gain_db = voice_gain_db(voice, directory)
        for _ in voice.speak("Ready.", Prosody()):
            pass
        return LoadedVoice(voice, gain_db)
