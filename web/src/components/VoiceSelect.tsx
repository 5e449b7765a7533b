import { SpeakerIcon } from "@/components/icons";
import { languageName, languagesOf, speaking, voiceName, type Voice } from "@/server/voices";

import styles from "./Select.module.css";

interface Props {
  readonly voices: readonly Voice[];
  readonly voice: string;
  readonly language: string;
  /** Whether the call that goes on keeps its voice. */
  readonly fixed: boolean;
  readonly onVoice: (id: string) => void;
  readonly onLanguage: (language: string) => void;
}

/** The assistant's voice, and its language where there are several. */
export function VoiceSelect({ voices, voice, language, fixed, onVoice, onLanguage }: Props) {
  const languages = languagesOf(voices);
  const offered = speaking(voices, language);
  const known = offered.some(({ id }) => id === voice);
  return (
    <>
      {languages.length > 1 && (
        <label className={styles.choice}>
          <span className="visually-hidden">Language</span>
          <select className={styles.select} value={language} disabled={fixed} onChange={(event) => { onLanguage(event.target.value); }}>
            <option value="">Any language</option>
            {languages.map((tag) => <option key={tag} value={tag} lang={tag}>{languageName(tag)}</option>)}
          </select>
        </label>
      )}
      <label className={styles.choice} title={fixed ? "The next call can have another voice" : undefined}>
        <SpeakerIcon />
        <span className="visually-hidden">Voice</span>
        <select className={styles.select} value={known ? voice : ""} disabled={fixed} onChange={(event) => { onVoice(event.target.value); }}>
          <option value="">Default voice</option>
          {offered.map(({ id }) => <option key={id} value={id}>{voiceName(id)}</option>)}
        </select>
      </label>
    </>
  );
}
