import { CloseIcon } from "@/components/icons";
import { KeyForm } from "@/components/KeyForm";
import { PROBLEM_WORDS } from "@/components/words";
import type { Problem } from "@/realtime/problem";

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
        <p>{advice}</p>
        {problem.kind === "unauthorized" && <KeyForm onKey={onKey} />}
      </div>
      <button type="button" className={styles.dismiss} aria-label="Dismiss" onClick={onDismiss}>
        <CloseIcon />
      </button>
    </div>
  );
}
