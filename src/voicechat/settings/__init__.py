"""Every setting of every service, and how they are read."""

from __future__ import annotations

from voicechat.settings.errors import Problem, SettingsError
from voicechat.settings.load import load_settings
from voicechat.settings.schema import (
    Adapter,
    AsrSettings,
    ConversationSettings,
    Device,
    EarsAdapter,
    Environment,
    LiveKitSettings,
    LlmSettings,
    LoggingSettings,
    LogLevel,
    MindKind,
    ModelsSettings,
    RedisSettings,
    Section,
    ServerSettings,
    Settings,
    TtsSettings,
    WorkerSettings,
)

__all__ = [
    "Adapter",
    "AsrSettings",
    "ConversationSettings",
    "Device",
    "EarsAdapter",
    "Environment",
    "LiveKitSettings",
    "LlmSettings",
    "LogLevel",
    "LoggingSettings",
    "MindKind",
    "ModelsSettings",
    "Problem",
    "RedisSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "TtsSettings",
    "WorkerSettings",
    "load_settings",
]
