"""What stands below the twelve: rows that are opened to find a cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.dashboards.panel import Kind, Panel, Query
from scripts.dashboards.pipeline import MORE_IS_WORSE, levels, quantile, quantiles

TURN = "voicechat_turn_latency_seconds"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading, folded until somebody opens it."""

    title: str
    panels: Sequence[Panel]


def _stage(stage: str, rank: float) -> str:
    return f'histogram_quantile({rank}, sum by (le) (rate({TURN}_bucket{{stage="{stage}"}}[5m])))'


WATERFALL = Row(
    "Turn waterfall",
    (
        Panel(
            "Turn Latency by Stage (p50)",
            "From the end of speech to the first audio of the reply. Stages overlap, so they add up to more.",
            Kind.LINES,
            (Query(quantile(0.5, TURN, "le, stage"), "{{stage}}"),),
            unit="s",
            width=12,
        ),
        Panel(
            "Turn Latency, Total",
            "What the person waits for. Promise: p50 800 ms, p95 1200 ms.",
            Kind.LINES,
            (Query(_stage("total", 0.5), "p50"), Query(_stage("total", 0.95), "p95")),
            unit="s",
            levels=levels(MORE_IS_WORSE, 0.8, 1.2),
            width=12,
        ),
        Panel(
            "First Audio of a Reply (p50/p95)",
            "From the first text sent to a worker to the first audio that comes back.",
            Kind.LINES,
            quantiles("voicechat_time_to_first_audio_seconds", 0.5, 0.95),
            unit="s",
        ),
        Panel(
            "Playout Underruns",
            "Times each minute that a listener ran dry in a reply.",
            Kind.LINES,
            (Query("60 * sum(rate(voicechat_playout_underruns_total[5m]))", "a minute"),),
        ),
        Panel(
            "Lateness (p99)",
            "How late the event loop and the 20 ms ticks of playout come. Above 20 ms the process has too much to do.",
            Kind.LINES,
            (
                Query(quantile(0.99, "voicechat_loop_lateness_seconds"), "event loop"),
                Query(quantile(0.99, "voicechat_tick_lateness_seconds"), "playout"),
            ),
            unit="s",
            levels=levels(MORE_IS_WORSE, 0.02, 0.1),
        ),
    ),
)
EARS = Row(
    "Ears",
    (
        Panel(
            "Words Ready after the End of Speech",
            "Until the final transcript.",
            Kind.LINES,
            (Query(_stage("asr", 0.5), "p50"), Query(_stage("asr", 0.95), "p95")),
            unit="s",
            width=12,
        ),
        Panel(
            "End of Turn Decided",
            "Until it was sure that the person had finished.",
            Kind.LINES,
            (Query(_stage("endpoint", 0.5), "p50"), Query(_stage("endpoint", 0.95), "p95")),
            unit="s",
            width=12,
        ),
    ),
)
MODELS = Row(
    "Models",
    (
        Panel(
            "First Token of the Mind",
            "From the request to the language model's first token.",
            Kind.LINES,
            (Query(_stage("llm", 0.5), "p50"), Query(_stage("llm", 0.95), "p95")),
            unit="s",
        ),
        Panel(
            "Voices in Memory",
            "Models that each worker holds.",
            Kind.LINES,
            (Query("voicechat_worker_models_resident", "{{instance}}"),),
        ),
        Panel(
            "Loads and Evictions",
            "Models that came to memory and left it in the last hour. Many of both: raise RESIDENT_CAP.",
            Kind.LINES,
            (
                Query("sum by (model) (increase(voicechat_worker_model_load_seconds_count[1h]))", "loaded {{model}}"),
                Query("sum by (reason) (increase(voicechat_worker_model_evictions_total[1h]))", "evicted: {{reason}}"),
            ),
        ),
    ),
)
FLEET = Row(
    "Fleet",
    (
        Panel(
            "Replies and Places, by Worker",
            "Replies being spoken, and how many the measured speed allows.",
            Kind.LINES,
            (
                Query("voicechat_worker_active_streams", "{{instance}} speaks"),
                Query("voicechat_worker_capacity", "{{instance}} can"),
            ),
        ),
        Panel(
            "Real-time Factor (p50/p95)",
            "Time of synthesis by time of audio. At 1 a worker keeps up with one listener.",
            Kind.LINES,
            quantiles("voicechat_realtime_factor", 0.5, 0.95),
            levels=levels(MORE_IS_WORSE, 0.5, 1),
        ),
        Panel(
            "Failovers and Refusals",
            "Replies that went on on another worker, and what was refused at the door, each minute.",
            Kind.LINES,
            (
                Query("60 * sum(rate(voicechat_worker_failovers_total[5m])) or vector(0)", "failovers"),
                Query(
                    "60 * sum by (reason) (rate(voicechat_admission_rejected_total[5m])) or vector(0)",
                    "refused {{reason}}",
                ),
            ),
        ),
        Panel(
            "Pieces of Work that Wait",
            "Of each worker's scheduler, for a thread.",
            Kind.LINES,
            (Query("voicechat_worker_units_waiting", "{{instance}}"),),
            width=12,
        ),
        Panel(
            "One Piece of Work (p95)",
            "Time on a thread, by pace. It bounds how long anybody else waits.",
            Kind.LINES,
            (Query(quantile(0.95, "voicechat_worker_unit_seconds", "le, pace"), "{{pace}}"),),
            unit="s",
            width=12,
        ),
    ),
)
LIVEKIT = Row(
    "LiveKit",
    (
        Panel(
            "Rooms and Participants",
            "As the WebRTC server counts them.",
            Kind.LINES,
            (
                Query("sum(livekit_room_total)", "rooms"),
                Query("sum(livekit_participant_total)", "participants"),
            ),
        ),
        Panel(
            "Packets Lost",
            "Share of packets that a receiver missed and asked for again.",
            Kind.LINES,
            (
                Query(
                    # Until the first packet is missed there is no such series.
                    "(sum(rate(livekit_nack_total[5m])) or vector(0)) / sum(rate(livekit_packet_total[5m]))",
                    "asked again",
                ),
            ),
            unit="percentunit",
            levels=levels(MORE_IS_WORSE, 0.01, 0.05),
        ),
        Panel(
            "Traffic",
            "Bytes each second, by direction.",
            Kind.LINES,
            (Query("sum by (direction) (rate(livekit_packet_bytes[5m]))", "{{direction}}"),),
            unit="Bps",
        ),
    ),
)
NODE = Row(
    "Node",
    (
        Panel(
            "Processor",
            "Share of all cores that work.",
            Kind.LINES,
            (Query('100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))', "{{instance}}"),),
            unit="percent",
            levels=levels(MORE_IS_WORSE, 80, 95),
            maximum=100,
        ),
        Panel(
            "Memory",
            "Used share of the machine's memory.",
            Kind.LINES,
            (Query("100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)", "{{instance}}, used %"),),
            unit="percent",
            levels=levels(MORE_IS_WORSE, 80, 92),
            maximum=100,
        ),
        Panel(
            "Our Processes",
            "Resident memory of orchestrators and workers.",
            Kind.LINES,
            (Query("process_resident_memory_bytes", "{{job}} {{instance}}"),),
            unit="bytes",
        ),
        Panel(
            "Network",
            "Bytes each second, of all devices but loopback.",
            Kind.LINES,
            (
                Query(
                    'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[5m]))', "{{instance}} in"
                ),
                Query(
                    'sum by (instance) (rate(node_network_transmit_bytes_total{device!="lo"}[5m]))', "{{instance}} out"
                ),
            ),
            unit="Bps",
            width=12,
        ),
        Panel(
            "Disk",
            "Used share of each file system.",
            Kind.LINES,
            (
                Query(
                    '100 * (1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes)',
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            unit="percent",
            levels=levels(MORE_IS_WORSE, 80, 90),
            maximum=100,
            width=12,
        ),
    ),
)
ROWS = (WATERFALL, EARS, MODELS, FLEET, LIVEKIT, NODE)
