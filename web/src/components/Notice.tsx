import { CloseIcon } from "@/components/icons";
import { KeyForm } from "@/components/KeyForm";
import { PROBLEM_WORDS } from "@/components/words";
import type { Problem } from "@/call/problem";

import styles from "./Notice.module.css";

interface Props {
  readonly problem: Problem;
  readonly onDismiss: () => void;
  readonly onKey: (key: string) => void;
}

export function Notice({ problem, onDismiss, onKey }: Props) {
  const { title, advice } = PROBLEM_WORDS[problem.kind];
  return (
    <div role="alert" className={styles.notice} data-problem={problem.kind}>
      <div>
        <strong className={styles.title}>{title}</strong>
        <p>{problem.kind === "refused" ? problem.message : advice}</p>
        {problem.kind === "unauthorized" && <KeyForm onKey={onKey} />}
      </div>
      <button type="button" className={styles.dismiss} aria-label="Dismiss" onClick={onDismiss}>
        <CloseIcon />
      </button>
    </div>
  );
}

/** Says that the device was asleep: no alarm, for the call went on as well as it could. */
export function AsleepNotice({ onDismiss }: { readonly onDismiss: () => void }) {
  return (
    <div role="status" className={styles.notice} data-problem="asleep">
      <div>
        <strong className={styles.title}>This tab was asleep</strong>
        <p>The call goes on. What was said meanwhile may be missing.</p>
      </div>
      <button type="button" className={styles.dismiss} aria-label="Dismiss" onClick={onDismiss}>
        <CloseIcon />
      </button>
    </div>
  );
}
