"""Conversations and ears that can be asked for before there are any models."""

from __future__ import annotations

from collections.abc import Sequence

from voicechat.api.errors import ApiError
from voicechat.asr.port import Ears
from voicechat.conversation.items import Item
from voicechat.conversation.port import CommandRefused, Conversation, ConversationConfig, ConversationFactory

LOADING_RETRY_S = 2.0
LOADING_LOAD, FULL_LOAD = 0.9, 1.0


class DeferredFactory:
    """Refuses conversations until `provide` gives the factory that holds them, and after `withdraw`."""

    def __init__(self) -> None:
        self._factory: ConversationFactory | None = None
        self._was_provided = False
        self._is_open = False
        self._is_withdrawn = False
        self._refusal = CommandRefused("loading", "the models are still loading; try again in a few seconds")

    def provide(self, factory: ConversationFactory) -> None:
        """From now on, conversations are held by `factory`."""
        self._factory = factory
        self._was_provided = self._is_open = True

    @property
    def was_provided(self) -> bool:
        """Whether there ever was a factory, or never will be."""
        return self._was_provided

    def refuse(self, code: str, message: str) -> None:
        """Refuse every conversation for this reason."""
        self._factory = None
        self._refusal = CommandRefused(code, message)
        self._was_provided = True

    def withdraw(self) -> None:
        """Take no further conversation; those that are held go on."""
        self._is_open = False
        self._is_withdrawn = True
        self._refusal = CommandRefused("draining", "the server is shutting down; connect again in a few seconds")

    def default_config(self) -> ConversationConfig:
        """What a client that chooses nothing gets. Raises `CommandRefused` while there is no factory."""
        return self._require().default_config()

    async def open(self, config: ConversationConfig, past: Sequence[Item] = ()) -> Conversation:
        """Start a conversation, or go on with one. Raises `CommandRefused`."""
        return await self._require().open(config, past)

    @property
    def active(self) -> int:
        """Conversations held now."""
        return 0 if self._factory is None else self._factory.active

    @property
    def replying(self) -> int:
        """Conversations in which a reply is not over."""
        return 0 if self._factory is None else self._factory.replying

    @property
    def load(self) -> float:
        """How busy the process is; one that still loads takes a conversation only where no other can."""
        if not self._was_provided and not self._is_withdrawn:
            return LOADING_LOAD
        return FULL_LOAD if self._factory is None or not self._is_open else self._factory.load

    def _require(self) -> ConversationFactory:
        if self._factory is None or not self._is_open:
            raise self._refusal
        return self._factory


class DeferredEars:
    """Refuses recordings until `provide` gives the ears that hear them."""

    def __init__(self) -> None:
        self._ears: Ears | None = None
        message = "the ears are still loading; try again in a few seconds"
        self._refusal = ApiError(503, message, code="loading", retry_after_s=LOADING_RETRY_S)

    def provide(self, ears: Ears) -> None:
        """From now on, recordings are heard by `ears`."""
        self._ears = ears

    def refuse(self, code: str, message: str) -> None:
        """Refuse every recording for this reason."""
        self._ears = None
        self._refusal = ApiError(503, message, code=code)

    def require(self) -> Ears:
        """The ears. Raises `ApiError` while there are none."""
        if self._ears is None:
            raise self._refusal
        return self._ears
