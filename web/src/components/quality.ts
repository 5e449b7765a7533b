import type { Figures } from "@/call/transport";

export type Level = "good" | "fair" | "poor";

/** How good the connection is, and what shows it. */
export interface Quality {
  readonly level: Level;
  /** Microphone audio that the network did not take, percent. */
  readonly lostPercent: number;
  /** Gaps in what was played. */
  readonly gaps: number;
}

const FAIR_LOST_PERCENT = 0.5;
const POOR_LOST_PERCENT = 3;
/** Of gaps a minute of played sound. */
const FAIR_GAPS = 1;
const POOR_GAPS = 6;
const SAMPLES_A_MINUTE = 60 * 24_000;

/** Judges the figures of a call. */
export function qualityOf({ sentFrames, droppedFrames, underruns, playedSamples }: Figures): Quality {
  const lostPercent = (100 * droppedFrames) / Math.max(1, sentFrames + droppedFrames);
  const gapsAMinute = underruns / Math.max(1, playedSamples / SAMPLES_A_MINUTE);
  return { level: levelOf(lostPercent, gapsAMinute), lostPercent, gaps: underruns };
}

function levelOf(lostPercent: number, gapsAMinute: number): Level {
  if (lostPercent >= POOR_LOST_PERCENT || gapsAMinute >= POOR_GAPS) return "poor";
  return lostPercent >= FAIR_LOST_PERCENT || gapsAMinute >= FAIR_GAPS ? "fair" : "good";
}
