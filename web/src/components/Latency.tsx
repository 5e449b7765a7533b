import { bars } from "@/components/waterfall";
import { latencyWords } from "@/components/words";
import type { TurnLatency } from "@/realtime/conversation";

import styles from "./Latency.module.css";

/** The last turn's latency in words; opened, each turn as a waterfall, the newest first. */
export function Latency({ latencies }: { readonly latencies: readonly TurnLatency[] }) {
  const last = latencies.at(-1);
  if (last === undefined) return null;
  return (
    <details className={styles.latency}>
      <summary>{latencyWords(last.stagesMs)}</summary>
      <ol className={styles.turns} aria-label="Where the time of each turn went" reversed tabIndex={0}>
        {[...latencies].reverse().map((turn) => <Turn key={turn.responseId} turn={turn} />)}
      </ol>
    </details>
  );
}

function Turn({ turn }: { readonly turn: TurnLatency }) {
  return (
    <li>
      <span className={styles.words}>{latencyWords(turn.stagesMs)}</span>
      <span className={styles.waterfall} aria-hidden="true">
        {bars(turn).map(({ stage, words, startPercent, widthPercent }) => (
          <span
            key={stage}
            className={styles.bar}
            data-stage={stage}
            title={words}
            style={{ marginInlineStart: `${String(startPercent)}%`, inlineSize: `${String(widthPercent)}%` }}
          />
        ))}
      </span>
    </li>
  );
}
