import { latencyWords } from "@/components/words";

import styles from "./Latency.module.css";

/** Latency of the last turn, ms by stage. */
export function Latency({ stagesMs }: { readonly stagesMs: Readonly<Record<string, number>> }) {
  return <p className={styles.latency}>{latencyWords(stagesMs)}</p>;
}
