import type { Call } from "@/call/call";
import type { CallView } from "@/call/view";
import { CloseIcon, MicrophoneIcon, MicrophoneOffIcon } from "@/components/icons";
import { useFocusWhenLost } from "@/components/useFocusWhenLost";

import styles from "./Controls.module.css";

interface Props {
  readonly call: Call;
  readonly view: CallView;
  readonly chosenId: string;
}

export function Controls({ call, view, chosenId }: Props) {
  const first = useFocusWhenLost<HTMLDivElement>(true);
  return (
    <div ref={first} className={styles.controls} role="group" aria-label="Call controls" tabIndex={-1}>
      {view.microphoneId === null && view.phase === "live" && (
        <UseMicrophone onUse={() => void call.useMicrophone(chosenId)} />
      )}
      {view.microphoneId !== null && <Mute muted={view.muted} onChange={(muted) => { call.setMuted(muted); }} />}
      <button type="button" className={styles.end} onClick={() => { call.end(); }}>
        <CloseIcon />
        <span className={styles.label}>End</span>
      </button>
    </div>
  );
}

function UseMicrophone({ onUse }: { readonly onUse: () => void }) {
  return (
    <button type="button" className={styles.control} aria-label="Use microphone" onClick={onUse}>
      <MicrophoneIcon />
    </button>
  );
}

function Mute({ muted, onChange }: { readonly muted: boolean; readonly onChange: (muted: boolean) => void }) {
  return (
    <button
      type="button"
      className={styles.control}
      aria-label="Mute"
      aria-pressed={muted}
      onClick={() => {
        onChange(!muted);
      }}
    >
      {muted ? <MicrophoneOffIcon /> : <MicrophoneIcon />}
    </button>
  );
}
