import { MicrophoneIcon } from "@/components/icons";
import { useFocusWhenLost } from "@/components/useFocusWhenLost";

import styles from "./TalkButton.module.css";

interface Props {
  /** Whether there was a call before. */
  readonly again: boolean;
  readonly onTalk: () => void;
}

export function TalkButton({ again, onTalk }: Props) {
  const button = useFocusWhenLost<HTMLButtonElement>(again);
  return (
    <button ref={button} type="button" className={styles.talk} onClick={onTalk}>
      <MicrophoneIcon />
      Talk
    </button>
  );
}
