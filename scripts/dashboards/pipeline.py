"""The twelve panels of the speech pipeline."""

from __future__ import annotations

from scripts.dashboards.panel import Kind, Panel, Query

GREEN, YELLOW, RED = "green", "yellow", "red"
MORE_IS_WORSE = (GREEN, YELLOW, RED)


def levels(colours: tuple[str, str, str], middle: float, last: float) -> tuple[tuple[float | None, str], ...]:
    """Three colours: from below, from `middle` and from `last` on."""
    return ((None, colours[0]), (middle, colours[1]), (last, colours[2]))


def quantile(rank: float, metric: str, by: str = "le") -> str:
    """PromQL of a quantile over five minutes, all processes together."""
    return f"histogram_quantile({rank}, sum by ({by}) (rate({metric}_bucket[5m])))"


def quantiles(metric: str, *ranks: float) -> tuple[Query, ...]:
    """Several quantiles of one histogram."""
    return tuple(Query(quantile(rank, metric), f"p{rank * 100:g}") for rank in ranks)


PIPELINE = (
    Panel(
        "Synthesis Latency (p50/p95/p99)",
        "From a reply's first complete segment to its first audio. Promise: 300 ms; alert: p95 above 500 ms.",
        Kind.LINES,
        quantiles("synthesis_latency_seconds", 0.5, 0.95, 0.99),
        unit="s",
        levels=levels(MORE_IS_WORSE, 0.3, 0.5),
        width=12,
    ),
    Panel(
        "Worker Utilization",
        "Share of the workers' places that replies take. Healthy: 50 to 80 %; above 90 % add a worker.",
        Kind.GAUGE,
        (Query("max(worker_utilization_percent)", "used"),),
        unit="percent",
        levels=levels(MORE_IS_WORSE, 80, 90),
        maximum=100,
        width=6,
    ),
    Panel(
        "Active Sessions",
        "Conversations held now, on all orchestrators.",
        Kind.STAT,
        (Query("sum(sessions_active)", "sessions"),),
        levels=levels(MORE_IS_WORSE, 20, 50),
        width=6,
    ),
    Panel(
        "Total Synthesis Requests",
        "Replies asked of the workers since the orchestrators began.",
        Kind.STAT,
        (Query("sum(synthesis_total)", "replies"),),
        levels=((None, GREEN),),
        width=6,
    ),
    Panel(
        "SLA Violations",
        "Requests of the last hour that missed their objective: first audio 300 ms, barge-in 50 ms.",
        Kind.STAT,
        (Query("sum by (objective) (increase(sla_violations_total[1h]))", "{{objective}}"),),
        levels=levels(MORE_IS_WORSE, 1, 10),
        width=6,
    ),
    Panel(
        "SLA Compliance %",
        "Requests of the last five minutes within their objective. Target: above 99 %; alert: below 95 %.",
        Kind.GAUGE,
        (Query("min(sla_compliance_percent)", "kept"),),
        unit="percent",
        levels=levels((RED, YELLOW, GREEN), 95, 99),
        maximum=100,
        width=6,
    ),
    Panel(
        "Barge-in Latency (p95)",
        "From the decision that the person speaks over the reply to the last sample sent, by stage. Promise: 50 ms.",
        Kind.LINES,
        (Query(quantile(0.95, "barge_in_latency_seconds", "le, stage"), "{{stage}}"),),
        unit="s",
        levels=((None, GREEN), (0.05, RED)),
        width=6,
    ),
    Panel(
        "Error Rate",
        "Replies that failed and workers that failed or refused, each second, and the share of replies that failed.",
        Kind.LINES,
        (
            Query("sum(rate(synthesis_errors_total[5m])) or vector(0)", "synthesis errors/s"),
            Query("sum(rate(worker_errors_total[5m])) or vector(0)", "worker errors/s"),
            Query(
                "(sum(rate(synthesis_errors_total[5m])) or vector(0)) / sum(rate(synthesis_total[5m]))",
                "share of replies",
            ),
        ),
        levels=levels(MORE_IS_WORSE, 0.01, 0.1),
    ),
    Panel(
        "Session Duration Distribution",
        "How long conversations last: half of them end within p50.",
        Kind.LINES,
        quantiles("session_duration_seconds", 0.5, 0.95),
        unit="s",
    ),
    Panel(
        "Active vs Idle Workers",
        "Workers that speak, and workers that wait for something to speak.",
        Kind.AREA,
        (Query("max(workers_active)", "active"), Query("max(workers_idle)", "idle")),
    ),
    Panel(
        "Synthesis Queue Depth",
        "Replies that wait for a worker to take them. Healthy: below 10; alert: above 50.",
        Kind.LINES,
        (Query("sum(synthesis_queue_depth)", "waiting"),),
        levels=levels(MORE_IS_WORSE, 10, 50),
        width=12,
    ),
    Panel(
        "Messages per Session",
        "The person's turns and the replies to them, a conversation: p95.",
        Kind.LINES,
        quantiles("session_messages", 0.95),
        width=12,
    ),
)
