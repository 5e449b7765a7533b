import type { Device } from "@/audio/devices";
import { MicrophoneIcon } from "@/components/icons";

import styles from "./Select.module.css";

interface Props {
  readonly microphones: readonly Device[];
  readonly value: string;
  readonly onChoose: (id: string) => void;
}

export function MicrophoneSelect({ microphones, value, onChoose }: Props) {
  const known = microphones.some((device) => device.id === value);
  return (
    <label className={styles.choice}>
      <MicrophoneIcon />
      <span className="visually-hidden">Microphone</span>
      <select
        className={styles.select}
        value={known ? value : ""}
        title={microphones.length === 0 ? "More appear once you allow the microphone" : undefined}
        onChange={(event) => {
          onChoose(event.target.value);
        }}
      >
        <option value="">Default microphone</option>
        {microphones.map((device) => (
          <option key={device.id} value={device.id}>
            {device.label}
          </option>
        ))}
      </select>
    </label>
  );
}
