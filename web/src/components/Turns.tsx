import { bars } from "@/components/waterfall";
import { latencyWords } from "@/components/words";
import type { TurnLatency } from "@/realtime/conversation";

import styles from "./Turns.module.css";

/** Each turn's latency as a waterfall, the newest first. */
export function Turns({ latencies }: { readonly latencies: readonly TurnLatency[] }) {
  return (
    <ol className={styles.turns} aria-label="Where the time of each turn went" reversed tabIndex={0}>
      {[...latencies].reverse().map((turn) => <Turn key={turn.responseId} turn={turn} />)}
    </ol>
  );
}

function Turn({ turn }: { readonly turn: TurnLatency }) {
  return (
    <li>
      <span className={styles.words} title={turn.responseId}>{latencyWords(turn.stagesMs)}</span>
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
