import { STAGE_WORDS } from "@/components/words";
import type { TurnLatency } from "@/realtime/conversation";

/** A stage of a turn as a bar: where it begins and how wide it is, in percent of the whole. */
export interface Bar {
  readonly stage: string;
  readonly words: string;
  readonly startPercent: number;
  readonly widthPercent: number;
}

const ORDER = ["endpoint", "asr", "llm", "tts"];

/** The stages whose begin is known, in the order in which a turn passes them. */
export function bars({ stagesMs, startsMs }: TurnLatency): readonly Bar[] {
  const known = ORDER.flatMap((stage) => {
    const start = startsMs[stage];
    const ms = stagesMs[stage];
    return start === undefined || ms === undefined ? [] : [{ stage, start, ms }];
  });
  const whole = Math.max(stagesMs["total"] ?? 0, ...known.map(({ start, ms }) => start + ms), 1);
  return known.map(({ stage, start, ms }) => ({
    stage,
    words: `${STAGE_WORDS[stage] ?? stage} ${String(Math.round(ms))} ms`,
    startPercent: (100 * start) / whole,
    widthPercent: (100 * ms) / whole,
  }));
}
