"""What a client may choose with `session.update`, and how it is told what holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from openai.types.realtime import (
    AudioTranscription,
    RealtimeAudioConfigInput,
    RealtimeAudioConfigOutput,
    RealtimeSessionCreateRequest,
)
from openai.types.realtime.realtime_audio_config_output import VoiceID
from openai.types.realtime.realtime_audio_input_turn_detection import SemanticVad, ServerVad
from openai.types.realtime.realtime_function_tool import RealtimeFunctionTool
from openai.types.responses.tool_choice_function import ToolChoiceFunction

from voicechat.conversation.port import ConversationConfig, FunctionTool, TurnDetection
from voicechat.transports.realtime.codec import FORMATS, WireFormat
from voicechat.transports.realtime.errors import ProtocolError, unsupported
from voicechat.transports.realtime.protocol import Wire
from voicechat.transports.realtime.voices import VoiceDirectory

T = TypeVar("T")

OWN_MODELS = frozenset({"default", "voicechat"})
STOCK_MODELS = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime", "gpt-audio")
TRANSCRIBERS = ("default", "whisper", "gpt-4o", "gpt-transcribe", "gpt-live-transcribe", "gpt-realtime-whisper")

SILENCE_RANGE_MS = (250, 5000)
"""Silence that may end a turn; what is asked beyond is brought inside."""
EAGERNESS_MS = {"auto": (450, 1500), "medium": (450, 1500), "low": (700, 4000), "high": (300, 1000)}
"""The silence after a turn that sounds finished, and after one that does not, for each eagerness."""
DEFAULT_SILENCE_MS = 500
MAX_PADDING_MS = 2000
MAX_TOKENS = 4096
MAX_TOOLS = 128
MAX_INSTRUCTIONS_CHARS = 65_536
SPEED_RANGE = (0.25, 4.0)
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
TOOL_MODES = ("auto", "none", "required")


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """A conversation's configuration, and what of the session is the transport's alone."""

    conversation: ConversationConfig
    model: str = "gpt-realtime"
    voice_name: str = "default"
    input_format: WireFormat = WireFormat.PCM
    output_format: WireFormat = WireFormat.PCM
    transcription: str | None = "whisper-1"


def check_model(name: str, param: str = "model") -> str:
    """A model name that this server answers to. Raises `ProtocolError`."""
    if name in OWN_MODELS or name.startswith(STOCK_MODELS):
        return name
    message = f"there is no realtime model {name!r}; ask for gpt-realtime or {' or '.join(sorted(OWN_MODELS))}"
    raise ProtocolError("model_not_found", message, param)


async def apply(current: SessionConfig, request: RealtimeSessionCreateRequest, voices: VoiceDirectory) -> SessionConfig:
    """The configuration after an update: fields that are absent stay. Raises `ProtocolError`, and nothing changed."""
    _refuse_unsupported(request)
    given = request.model_fields_set
    talk = current.conversation
    if "instructions" in given:
        talk = replace(talk, instructions=_instructions(request.instructions or ""))
    if "output_modalities" in given:
        talk = replace(talk, audio_reply=audio_wanted(request.output_modalities, "session.output_modalities"))
    if "tools" in given:
        talk = replace(talk, tools=_tools(request.tools or []))
    if "tool_choice" in given or "tools" in given:
        choice = request.tool_choice if "tool_choice" in given else talk.tool_choice
        talk = replace(talk, tool_choice=tool_choice(choice, talk.tools, "session.tool_choice"))
    if "max_output_tokens" in given:
        talk = replace(talk, max_output_tokens=_max_tokens(request.max_output_tokens))
    config = replace(current, conversation=talk)
    if request.model is not None:
        config = replace(config, model=check_model(request.model, "session.model"))
    if request.audio is not None and request.audio.input is not None:
        config = _apply_input(config, request.audio.input)
    if request.audio is not None and request.audio.output is not None:
        config = await _apply_output(config, request.audio.output, voices)
    return config


def describe(config: SessionConfig, session_id: str) -> Wire:
    """The session as `session.created` and `session.updated` show it: what holds, not what was asked."""
    talk = config.conversation
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": config.model,
        "output_modalities": ["audio"] if talk.audio_reply else ["text"],
        "instructions": talk.instructions,
        "tools": [_describe_tool(tool) for tool in talk.tools],
        "tool_choice": _describe_choice(talk.tool_choice),
        "max_output_tokens": talk.max_output_tokens or "inf",
        "tracing": None,
        "prompt": None,
        "audio": {"input": _describe_input(config), "output": _describe_output(config)},
    }


def audio_wanted(modalities: list[Literal["text", "audio"]] | None, param: str) -> bool:
    """Whether a reply is to be spoken. Raises `ProtocolError` unless exactly one modality is named."""
    if modalities not in (["audio"], ["text"]):
        raise ProtocolError("invalid_value", f"{param} is ['audio'] (with its transcript) or ['text']", param)
    return modalities == ["audio"]


def tool_choice(choice: object, tools: tuple[FunctionTool, ...], param: str) -> str:
    """A mode, or the name of one of the tools. Raises `ProtocolError`."""
    if choice is None:
        return "auto"
    if isinstance(choice, ToolChoiceFunction):
        choice = choice.name
        if choice in TOOL_MODES:
            raise ProtocolError("invalid_value", f"{param}: no tool is called {choice!r}", param)
    if not isinstance(choice, str):
        raise unsupported(param, f"{param}: only {', '.join(TOOL_MODES)} and functions are supported")
    if choice in TOOL_MODES or any(tool.name == choice for tool in tools):
        return choice
    names = ", ".join(tool.name for tool in tools) or "none"
    raise ProtocolError("invalid_value", f"{param}: no tool is called {choice!r}; the tools are: {names}", param)


def _refuse_unsupported(request: RealtimeSessionCreateRequest) -> None:
    if request.prompt is not None:
        raise unsupported("session.prompt", "stored prompts do not exist here; send session.instructions instead")


def _instructions(text: str) -> str:
    if len(text) > MAX_INSTRUCTIONS_CHARS:
        message = f"session.instructions has {len(text)} characters; at most {MAX_INSTRUCTIONS_CHARS} are taken"
        raise ProtocolError("string_above_max_length", message, "session.instructions")
    return text


def _max_tokens(asked: int | str | None) -> int | None:
    if asked is None or asked == "inf":
        return None
    if isinstance(asked, int) and 1 <= asked <= MAX_TOKENS:
        return asked
    param = "session.max_output_tokens"
    raise ProtocolError("invalid_value", f"{param} is 1 to {MAX_TOKENS} or 'inf', not {asked}", param)


def _tools(asked: list[Any]) -> tuple[FunctionTool, ...]:
    if len(asked) > MAX_TOOLS:
        message = f"session.tools names {len(asked)} tools; at most {MAX_TOOLS} are taken"
        raise ProtocolError("invalid_value", message, "session.tools")
    tools = tuple(_tool(tool, f"session.tools[{index}]") for index, tool in enumerate(asked))
    if len({tool.name for tool in tools}) < len(tools):
        raise ProtocolError("invalid_value", "session.tools: two tools share a name", "session.tools")
    return tools


def _tool(tool: object, param: str) -> FunctionTool:
    if not isinstance(tool, RealtimeFunctionTool) or tool.type not in (None, "function"):
        raise unsupported(param, f"{param}: only tools of type function are supported")
    if tool.name is None or not TOOL_NAME.fullmatch(tool.name) or tool.name in TOOL_MODES:
        message = f"{param}.name is 1 to 64 letters, digits, _ or -, and none of {', '.join(TOOL_MODES)}"
        raise ProtocolError("invalid_value", message, f"{param}.name")
    parameters = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    if not isinstance(parameters, dict):
        raise ProtocolError("invalid_value", f"{param}.parameters is a JSON schema object", f"{param}.parameters")
    return FunctionTool(tool.name, tool.description or "", parameters)


def _apply_input(config: SessionConfig, asked: RealtimeAudioConfigInput) -> SessionConfig:
    given = asked.model_fields_set
    if asked.format is not None:
        config = replace(config, input_format=_format(asked.format.type))
    if "transcription" in given:
        config = _apply_transcription(config, asked.transcription)
    if "turn_detection" in given:
        current = config.conversation.turn_detection
        detection = _turn_detection(asked.turn_detection, current)
        config = replace(config, conversation=replace(config.conversation, turn_detection=detection))
    return config


def _apply_transcription(config: SessionConfig, asked: AudioTranscription | None) -> SessionConfig:
    if asked is None:
        return replace(config, transcription=None)
    name = asked.model or config.transcription or "whisper-1"
    param = "session.audio.input.transcription.model"
    if not name.startswith(TRANSCRIBERS):
        raise ProtocolError("model_not_found", f"there is no transcription model {name!r}; ask for whisper-1", param)
    language = asked.language or config.conversation.language
    return replace(config, transcription=name, conversation=replace(config.conversation, language=language))


def _turn_detection(asked: ServerVad | SemanticVad | None, current: TurnDetection | None) -> TurnDetection | None:
    if asked is None:
        return None
    base = current or TurnDetection(0.5, prefix_padding_ms=300, silence_duration_ms=DEFAULT_SILENCE_MS)
    base = replace(
        base,
        create_response=_unless_none(asked.create_response, base.create_response),
        interrupt_response=_unless_none(asked.interrupt_response, base.interrupt_response),
    )
    if isinstance(asked, SemanticVad):
        return _semantic_vad(asked.eagerness or "auto", base)
    return _server_vad(asked, base)


def _semantic_vad(eagerness: str, base: TurnDetection) -> TurnDetection:
    """`auto` is what the installation is set to, where it judges turns at all."""
    if eagerness == "auto" and base.unfinished_ms is not None:
        return base
    finished_ms, unfinished_ms = EAGERNESS_MS[eagerness]
    return replace(base, silence_duration_ms=finished_ms, unfinished_ms=unfinished_ms)


def _server_vad(asked: ServerVad, base: TurnDetection) -> TurnDetection:
    param = "session.audio.input.turn_detection"
    if asked.idle_timeout_ms is not None:
        raise unsupported(f"{param}.idle_timeout_ms", f"{param}.idle_timeout_ms is not supported; leave it out")
    threshold = _unless_none(asked.threshold, base.threshold)
    padding = _unless_none(asked.prefix_padding_ms, base.prefix_padding_ms)
    silence_before = base.silence_duration_ms if base.unfinished_ms is None else DEFAULT_SILENCE_MS
    silence = _unless_none(asked.silence_duration_ms, silence_before)
    if not 0 < threshold < 1:
        raise ProtocolError("invalid_value", f"{param}.threshold lies between 0 and 1", f"{param}.threshold")
    if not 0 <= padding <= MAX_PADDING_MS:
        message = f"{param}.prefix_padding_ms is 0 to {MAX_PADDING_MS}"
        raise ProtocolError("invalid_value", message, f"{param}.prefix_padding_ms")
    if silence < 0:
        message = f"{param}.silence_duration_ms is {SILENCE_RANGE_MS[0]} to {SILENCE_RANGE_MS[1]}"
        raise ProtocolError("invalid_value", message, f"{param}.silence_duration_ms")
    silence = min(max(silence, SILENCE_RANGE_MS[0]), SILENCE_RANGE_MS[1])
    return replace(
        base, threshold=threshold, prefix_padding_ms=padding, silence_duration_ms=silence, unfinished_ms=None
    )


async def _apply_output(
    config: SessionConfig, asked: RealtimeAudioConfigOutput, voices: VoiceDirectory
) -> SessionConfig:
    if asked.format is not None:
        config = replace(config, output_format=_format(asked.format.type))
    if asked.speed is not None:
        config = replace(config, conversation=replace(config.conversation, speed=_speed(asked.speed)))
    if asked.voice is not None:
        name = asked.voice.id if isinstance(asked.voice, VoiceID) else asked.voice
        model_id = await voices.resolve(name, "session.audio.output.voice")
        config = replace(config, voice_name=name, conversation=replace(config.conversation, voice=model_id))
    return config


def _speed(asked: float) -> float:
    low, high = SPEED_RANGE
    if low <= asked <= high:
        return asked
    param = "session.audio.output.speed"
    raise ProtocolError("invalid_value", f"{param} is {low} to {high}, not {asked}", param)


def _format(name: str | None) -> WireFormat:
    return FORMATS[name or "audio/pcm"]


def _unless_none(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


def _describe_tool(tool: FunctionTool) -> Wire:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }


def _describe_choice(choice: str) -> Any:
    return choice if choice in TOOL_MODES else {"type": "function", "name": choice}


def describe_format(wire: WireFormat) -> Wire:
    """A format as the protocol writes it."""
    return {"type": "audio/pcm", "rate": 24_000} if wire is WireFormat.PCM else {"type": wire.wire_name}


def _describe_input(config: SessionConfig) -> Wire:
    transcription = config.transcription and {
        "model": config.transcription,
        "language": config.conversation.language,
        "prompt": None,
    }
    return {
        "format": describe_format(config.input_format),
        "transcription": transcription,
        "noise_reduction": None,
        "turn_detection": _describe_detection(config.conversation.turn_detection),
    }


def _describe_detection(detection: TurnDetection | None) -> Wire | None:
    if detection is None:
        return None
    if detection.unfinished_ms is not None:
        return {
            "type": "semantic_vad",
            "eagerness": _eagerness(detection),
            "create_response": detection.create_response,
            "interrupt_response": detection.interrupt_response,
        }
    return {
        "type": "server_vad",
        "threshold": detection.threshold,
        "prefix_padding_ms": detection.prefix_padding_ms,
        "silence_duration_ms": detection.silence_duration_ms,
        "idle_timeout_ms": None,
        "create_response": detection.create_response,
        "interrupt_response": detection.interrupt_response,
    }


def _eagerness(detection: TurnDetection) -> str:
    waits = (detection.silence_duration_ms, detection.unfinished_ms)
    return next((name for name, known in EAGERNESS_MS.items() if known == waits), "auto")


def _describe_output(config: SessionConfig) -> Wire:
    return {
        "format": describe_format(config.output_format),
        "voice": config.voice_name,
        "speed": config.conversation.speed,
    }
