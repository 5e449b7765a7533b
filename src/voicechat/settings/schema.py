"""Every setting of every service.

Each later source overrides the earlier: defaults, the YAML file, the environment, the command line. A setting is named
`section.field` in YAML and on the command line, and `VOICECHAT_SECTION__FIELD` in the environment; many also answer to
the shorter variable of their `env` note. Unknown keys and illegal values stop the start.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


def _env(*names: str, may_be_empty: bool = False, **field: Any) -> Any:
    """A field that also answers to the environment variables `names`; if it `may_be_empty`, so may the file of it."""
    return Field(json_schema_extra={"env": list(names), "may_be_empty": may_be_empty}, **field)


class Adapter(StrEnum):
    """The engine family that the worker runs."""

    PIPER = "piper"
    COSYVOICE = "cosyvoice"


class EarsAdapter(StrEnum):
    """How speech is recognised."""

    WHISPER = "whisper"
    WHISPER_FULL = "whisper-full"
    WHISPERX = "whisperx"


class Device(StrEnum):
    """Where recognition computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class MindKind(StrEnum):
    """Which language model answers."""

    AUTO = "auto"
    OPENAI = "openai"
    LOCAL = "local"
    EMBEDDED = "embedded"


class EndOfTurn(StrEnum):
    """What decides that a person has finished."""

    VAD = "vad"
    SMART_TURN = "smart-turn"
    LIVEKIT = "livekit"


class Environment(StrEnum):
    """Where the process runs."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class GrpcVerbosity(StrEnum):
    """What gRPC's own library writes."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    ERROR = "ERROR"
    NONE = "NONE"


class LogLevel(StrEnum):
    """The least severe log line that is written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


# What `livekit-server --dev` accepts, everywhere.
_LIVEKIT_DEVELOPMENT_KEY = "devkey"

Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A group of settings; immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_enum_values=False)


class ServerSettings(Section):
    """The orchestrator's two HTTP servers."""

    host: str = Field("127.0.0.1", description="address the API, the Realtime WebSocket and the page bind to")
    ops_host: str = Field("127.0.0.1", description="address health and metrics bind to; they need no key")
    port: Port = Field(8080, description="port of the API, the Realtime WebSocket and the page; 0 takes a free one")
    health_check_port: Port = Field(8081, description="port of health and metrics; 0 takes a free one")
    max_body_bytes: int = Field(26_214_400, ge=1024, description="largest request body, bytes")
    max_text_chars: int = Field(20_000, ge=1, description="longest text of one synthesis request, characters")
    max_sessions: int = Field(32, ge=1, description="conversations held at once")
    max_waiting_sessions: int = Field(16, ge=0, description="conversations that may wait for a place")
    session_wait_s: float = Field(3.0, ge=0, description="time that a conversation waits for a place at most, s")
    max_lateness_ms: float = Field(
        100.0, gt=0, description="lateness of the event loop's ticks beyond which no conversation begins, ms"
    )
    max_connections: int = Field(512, ge=8, description="connections held at once, idle ones included")
    header_timeout_s: float = Field(10.0, gt=0, description="time that a request's headers may take to arrive, s")
    body_timeout_s: float = Field(
        20.0, gt=0, description="time that a request's body may take to arrive, beyond 16 kB/s of it, s"
    )
    max_frame_bytes: int = Field(4_194_304, ge=65_536, description="largest message of a Realtime client, bytes")
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="public names that reach the server, *.example.org included; addresses and local names always do",
    )
    allowed_origins: list[str] = Field(
        default_factory=list, description="further web origins whose pages may talk to the server, or *"
    )
    embedders: list[str] = Field(
        default_factory=list, description="web origins whose pages may show the page in a frame, or *"
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the certificate that the API and the page are served with; unset: no TLS"
    )
    tls_private_key: Path | None = Field(None, description="PEM file of its private key")
    leave_s: float = Field(
        0.0,
        ge=0,
        le=60,
        description="time that all is served still after the signal to end, while readiness tells balancers, s",
    )
    shutdown_grace_s: float = Field(10.0, ge=0, description="time that running requests get when the process ends, s")
    drain_s: float = Field(
        20.0,
        ge=0,
        description="time that conversations get before that, where Redis keeps them for another orchestrator, s",
    )


class TtsSettings(Section):
    """The voice, as the orchestrator asks for it."""

    worker_address: str = _env(
        "TTS_WORKER_ADDRESS",
        default="127.0.0.1:7001",
        description="host:port of a worker, used while none has registered itself",
    )
    adapter: Adapter = _env("ADAPTER_TYPE", default=Adapter.PIPER, description="engine family of the worker")
    default_model: str = _env(
        "DEFAULT_MODEL", default="piper-en-us-joe-medium", description="voice used where none is named"
    )
    aliases: dict[str, str] = Field(
        default_factory=dict, description="further names for voices, such as {alloy: piper-en-us-joe-medium}"
    )
    connect_timeout_s: float = Field(3.0, gt=0, description="deadline for reaching the worker, s")
    first_audio_timeout_s: float = Field(10.0, gt=0, description="deadline for the first audio of a reply, s")


class WorkerSettings(Section):
    """The TTS worker process."""

    name: str = Field("", description="its name in the registry, unlike any other's; empty: host name and port")
    advertise_address: str = Field(
        "",
        description="host:port that orchestrators reach it at; empty: worker.host, or the host name where that is any",
    )
    host: str = Field("127.0.0.1", description="address the gRPC server binds to")
    port: Port = Field(7001, description="gRPC port; 0 takes a free one")
    metrics_port: Port = Field(9090, description="port of the worker's metrics; 0 takes a free one")
    resident_cap: int = _env("RESIDENT_CAP", default=2, ge=1, description="models held in memory at most")
    ttl_ms: int = _env("TTL_MS", default=600_000, ge=0, description="idle time after which a model leaves memory, ms")
    min_residency_ms: int = Field(10_000, ge=0, description="time that a loaded model stays at least, ms")
    preload: list[str] = Field(default_factory=list, description="models loaded at the start; empty: the default model")
    parallel_loads: int = Field(1, ge=1, description="models loaded at once")
    load_timeout_s: float = Field(60.0, gt=0, description="time a load, and a wait for a free place, may take, s")
    threads: int = Field(0, ge=0, description="synthesis threads; 0: one per core")
    capacity: int = Field(
        0, ge=0, description="REALTIME streams taken at once at most; 0: as many as the measured speed allows"
    )
    max_queue: int = Field(16, ge=0, description="streams that may wait for a place")
    lexicon: Path | None = Field(None, description="YAML file of words and how they are pronounced")
    max_text_chars: int = Field(100_000, ge=1, description="longest text of one reply, characters")
    drain_s: float = Field(30.0, ge=0, description="time that running streams get when the process ends, s")


class AsrSettings(Section):
    """The ears."""

    enabled: bool = _env("ASR_ENABLED", default=True, description="whether speech is recognised at all")
    adapter: EarsAdapter = _env("ASR_ADAPTER", default=EarsAdapter.WHISPER, description="recognition engine")
    model: str = _env("ASR_MODEL", default="whisper-tiny.en", description="recognition model of the catalogue")
    device: Device = _env("ASR_DEVICE", default=Device.AUTO, description="where recognition computes")
    language: str = _env("ASR_LANGUAGE", default="en", description="spoken language, BCP 47; auto: detected")
    threads: int = Field(0, ge=0, description="recognition threads; 0: chosen by the machine")
    max_utterance_s: float = Field(30.0, gt=0, le=600, description="longest stretch recognised at once, s")
    max_recording_s: float = Field(3600.0, gt=0, description="longest recording that is transcribed, s")
    max_recordings: int = Field(4, ge=1, description="recordings transcribed at once")
    interim_interval_ms: int = Field(
        600, ge=0, le=10_000, description="new speech after which interim words are recognised, ms; 0: never"
    )
    speculation: bool = Field(True, description="whether a pause is recognised at once, in case that it is the end")


class LlmSettings(Section):
    """The mind: any OpenAI-compatible server."""

    mind: MindKind = _env("MIND", default=MindKind.AUTO, description="which language model answers")
    base_url: str | None = _env("OPENAI_BASE_URL", default=None, description="address of an OpenAI-compatible server")
    api_key: SecretStr | None = _env(
        "OPENAI_API_KEY", may_be_empty=True, default=None, description="its key; a file may be empty: no key"
    )
    model: str | None = _env("OPENAI_MODEL", default=None, description="its model; unset: the first it lists")
    embedded_model: str = Field("smollm2-135m-instruct", description="model of the embedded server")
    embedded_port: Port = Field(0, description="port of the embedded server; 0 takes a free one")
    embedded_threads: int = Field(0, ge=0, description="threads of the embedded server; 0: chosen by the machine")
    temperature: float = Field(0.6, ge=0, le=2, description="sampling temperature")
    max_output_tokens: int = Field(160, ge=1, description="longest reply, tokens")
    history_tokens: int = Field(1200, ge=128, description="chat history sent with each turn, tokens at most")
    request_timeout_s: float = Field(30.0, gt=0, description="deadline for the first token, s")
    instructions: str = Field(
        "You are a helpful assistant in a spoken conversation. Answer in one or two short plain sentences.",
        description="what the assistant is told about itself",
    )


class ConversationSettings(Section):
    """Turn taking and playout."""

    vad_threshold: float = Field(0.5, gt=0, lt=1, description="voice activity probability that counts as speech")
    vad_prefix_padding_ms: int = Field(300, ge=0, le=2000, description="audio kept from before speech was noticed, ms")
    end_of_turn: EndOfTurn = Field(
        EndOfTurn.SMART_TURN, description="what decides that a turn has ended: silence alone, or a model that listens"
    )
    endpointing_ms: int = Field(500, ge=250, le=5000, description="silence that ends a turn by itself, ms")
    finished_ms: int = Field(
        450, ge=250, le=5000, description="silence that ends a turn which the model takes for finished, ms"
    )
    unfinished_ms: int = Field(
        1000, ge=250, le=10_000, description="silence that ends a turn which the model takes for unfinished, ms"
    )
    min_interruption_ms: int = Field(150, ge=0, le=2000, description="speech over the reply that pauses it, ms")
    false_interruption_timeout_s: float = Field(
        1.5, gt=0, le=10, description="wait for words after a pause before the reply goes on, s"
    )
    echo_cancellation: bool = Field(True, description="take the assistant's own sound out of the microphone")
    duck_db: float = Field(6.0, ge=0, le=60, description="attenuation at the onset of speech over the reply, dB")
    duck_deep_db: float = Field(18.0, ge=0, le=60, description="attenuation once it has lasted 100 ms, dB")
    playout_lead_min_ms: int = Field(40, ge=20, le=1000, description="least lead of sent over played audio, ms")
    playout_lead_max_ms: int = Field(400, ge=20, le=2000, description="largest lead of sent over played audio, ms")
    jitter_buffer_ms: int = Field(200, ge=20, le=1000, description="input held back at most, ms")
    max_session_s: float = Field(3600.0, gt=0, description="longest conversation, s")
    greeting: str = Field("", description="what the assistant says first; empty: it waits")

    @model_validator(mode="after")
    def _lead_is_a_range(self) -> Self:
        if self.playout_lead_min_ms > self.playout_lead_max_ms:
            raise ValueError("playout_lead_min_ms must not be above playout_lead_max_ms")
        return self

    @model_validator(mode="after")
    def _unfinished_turns_wait_longer(self) -> Self:
        if self.finished_ms > self.unfinished_ms:
            raise ValueError("finished_ms must not be above unfinished_ms")
        return self


class ModelsSettings(Section):
    """Where models live."""

    directory: Path | None = _env("VOICECHAT_MODELS", default=None, description="model cache; unset: the user's cache")


class RedisSettings(Section):
    """The registry shared by several processes; absent in embedded mode."""

    url: SecretStr | None = _env("REDIS_URL", default=None, description="redis://host:port/db; unset: memory serves")
    heartbeat_s: float = Field(
        2.0, ge=0.1, le=60, description="how often a worker registers itself; it is gone after three times that, s"
    )


class AccessSettings(Section):
    """Who may come in."""

    require_keys: bool | None = Field(
        None,
        description="whether the API asks for a key; unset: in production, and wherever server.host is not loopback",
    )
    insecure: bool = Field(
        False, description="let everybody in who reaches a public address: no keys at the API, no secret at a worker"
    )
    keys_file: Path | None = Field(
        None, description="file of API keys; unset: Redis where redis.url is set, else the user's own file"
    )
    requests_per_minute: int = Field(600, ge=0, description="requests a key may make in a minute; 0: any number")
    concurrent_requests: int = Field(16, ge=0, description="requests of a key served at once; 0: any number")
    concurrent_sessions: int = Field(8, ge=0, description="conversations of a key held at once; 0: any number")


class GrpcSettings(Section):
    """How orchestrators and workers know each other; the same section serves both ends."""

    secret: SecretStr | None = _env(
        "VOICECHAT_GRPC_SECRET", default=None, description="what an orchestrator shows a worker; the same on both"
    )
    certificate: Path | None = Field(None, description="PEM file of this process's certificate")
    private_key: Path | None = Field(None, description="PEM file of its private key")
    ca: Path | None = Field(
        None,
        description="PEM file of the authority that signed the other end: an orchestrator then uses TLS, a worker with "
        "a certificate asks for one in turn",
    )
    server_name: str | None = Field(None, description="name in the workers' certificate; unset: the address's host")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key belong together; set both or none")
        return self


class ClientSettings(Section):
    """Our own clients: `voicechat talk` and `voicechat say`."""

    api_key: SecretStr | None = _env("VOICECHAT_API_KEY", default=None, description="key shown to the server")


class RetentionSettings(Section):
    """What is kept of conversations: nothing, unless asked for."""

    conversation_log: Path | None = Field(None, description="directory of a JSONL file a day, one line a turn")
    days: float = Field(30.0, gt=0, description="age at which such a file is deleted, days")


class LiveKitSettings(Section):
    """The WebRTC server; absent where rooms are not used."""

    url: str | None = _env("LIVEKIT_URL", default=None, description="ws:// address of the server")
    public_url: str | None = _env("LIVEKIT_PUBLIC_URL", default=None, description="address given to browsers")
    api_key: str | None = _env("LIVEKIT_API_KEY", default=None, description="its API key")
    api_secret: SecretStr | None = _env("LIVEKIT_API_SECRET", default=None, description="its API secret")
    agent_name: str = Field(
        "voicechat", min_length=1, description="name under which LiveKit sends for the assistant; one an installation"
    )
    token_ttl_s: float = Field(900.0, ge=30, le=86_400, description="time in which a token for a room may be used, s")
    reconnect_grace_s: float = Field(
        15.0, ge=0, le=300, description="time in which a person who left a room finds the same conversation, s"
    )
    join_timeout_s: float = Field(
        60.0, ge=1, le=3600, description="time that the assistant waits in a room for somebody to come, s"
    )


class LoggingSettings(Section):
    """Logs."""

    level: LogLevel = _env("LOG_LEVEL", default=LogLevel.INFO, description="least severe line that is written")
    json_lines: bool | None = Field(None, description="JSON lines; unset: text on a terminal, JSON elsewhere")
    grpc_verbosity: GrpcVerbosity | None = _env(
        "GRPC_VERBOSITY", default=None, description="what gRPC's own library writes; unset: its default, errors"
    )
    transcripts: bool = Field(False, description="write what people say into the log; otherwise it is hidden")


class TracingSettings(Section):
    """Traces of turns, for an OpenTelemetry collector."""

    endpoint: str | None = _env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        default=None,
        description="address of the collector (OTLP over HTTP), such as http://localhost:4318; unset: no traces",
    )
    sample_ratio: float = _env(
        "OTEL_TRACES_SAMPLER_ARG",
        default=1.0,
        ge=0,
        le=1,
        description="share of the turns that are traced; a caller's traceparent decides for what it asks",
    )


class ProfilingSettings(Section):
    """Profiles of what the worker computes."""

    enabled: bool = _env("ENABLE_PROFILING", default=False, description="profile synthesis, at some cost")
    directory: Path = _env(
        "PROFILE_OUTPUT_DIR", default=Path("profiles"), description="where synthesis_*.pstats files go"
    )
    min_duration_ms: float = _env(
        "PROFILE_MIN_DURATION_MS", default=100.0, ge=0, description="least synthesis time of a reply that is kept, ms"
    )
    keep: int = Field(100, ge=1, description="newest files that are kept")


class Settings(Section):
    """The whole configuration of one installation."""

    environment: Environment = _env(
        "ENVIRONMENT",
        default=Environment.DEVELOPMENT,
        description="where the process runs; production asks for API keys and refuses LiveKit's development keys",
    )
    server: ServerSettings = ServerSettings()
    tts: TtsSettings = TtsSettings()
    worker: WorkerSettings = WorkerSettings()
    asr: AsrSettings = AsrSettings()
    llm: LlmSettings = LlmSettings()
    conversation: ConversationSettings = ConversationSettings()
    models: ModelsSettings = ModelsSettings()
    redis: RedisSettings = RedisSettings()
    access: AccessSettings = AccessSettings()
    grpc: GrpcSettings = GrpcSettings()
    client: ClientSettings = ClientSettings()
    retention: RetentionSettings = RetentionSettings()
    livekit: LiveKitSettings = LiveKitSettings()
    logging: LoggingSettings = LoggingSettings()
    tracing: TracingSettings = TracingSettings()
    profiling: ProfilingSettings = ProfilingSettings()

    @model_validator(mode="after")
    def _production_has_its_own_keys(self) -> Self:
        if self.environment is Environment.PRODUCTION and self.livekit.api_key == _LIVEKIT_DEVELOPMENT_KEY:
            raise ValueError(
                f"livekit.api_key {_LIVEKIT_DEVELOPMENT_KEY!r} is known to everybody; make a key and a secret of your "
                "own for production"
            )
        return self
