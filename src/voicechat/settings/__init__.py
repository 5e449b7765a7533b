"""Every setting of every service, and how they are read."""

from __future__ import annotations

from voicechat.settings.errors import Problem, SettingsError
from voicechat.settings.load import load_settings
from voicechat.settings.schema import (
    AccessSettings,
    Adapter,
    AsrSettings,
    ClientSettings,
    ConversationSettings,
    Device,
    EarsAdapter,
    Environment,
    GrpcSettings,
    LiveKitSettings,
    LlmSettings,
    LoggingSettings,
    LogLevel,
    MindKind,
    ModelsSettings,
    RedisSettings,
    RetentionSettings,
    Section,
    ServerSettings,
    Settings,
    TtsSettings,
    WorkerSettings,
)

__all__ = [
    "AccessSettings",
    "Adapter",
    "AsrSettings",
    "ClientSettings",
    "ConversationSettings",
    "Device",
    "EarsAdapter",
    "Environment",
    "GrpcSettings",
    "LiveKitSettings",
    "LlmSettings",
    "LogLevel",
    "LoggingSettings",
    "MindKind",
    "ModelsSettings",
    "Problem",
    "RedisSettings",
    "RetentionSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "TtsSettings",
    "WorkerSettings",
    "load_settings",
]
