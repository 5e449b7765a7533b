import type { CallView } from "@/call/view";
import { activityWords } from "@/components/words";

import styles from "./Status.module.css";

/** What the assistant is doing; spoken by screen readers as it changes. */
export function Status({ view }: { readonly view: CallView }) {
  const words = activityWords(view, typeof navigator === "undefined" || navigator.onLine);
  return (
    <p role="status" className={styles.status} data-state={view.phase === "live" ? view.conversation.state : view.phase}>
      {view.remark !== "" && view.phase === "connecting" ? view.remark : words}
    </p>
  );
}
