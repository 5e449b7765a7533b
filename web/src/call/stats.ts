import { rms } from "@/audio/level";
import type { PlayerStats } from "@/audio/player";
import type { Call } from "@/call/call";

/** Counters of microphone frames and audio deltas since the page was opened. */
export class CallStats {
  #sentFrames = 0;
  #droppedFrames = 0;
  #receivedChunks = 0;
  #badChunks = 0;

  countFrame(sent: boolean): void {
    if (sent) this.#sentFrames += 1;
    else this.#droppedFrames += 1;
  }

  countChunk(good: boolean): void {
    if (good) this.#receivedChunks += 1;
    else this.#badChunks += 1;
  }

  get counters(): Counters {
    return {
      sentFrames: this.#sentFrames,
      droppedFrames: this.#droppedFrames,
      receivedChunks: this.#receivedChunks,
      badChunks: this.#badChunks,
    };
  }
}

export interface Counters {
  readonly sentFrames: number;
  readonly droppedFrames: number;
  readonly receivedChunks: number;
  readonly badChunks: number;
}

export interface Snapshot extends Counters, PlayerStats {
  readonly phase: string;
  readonly state: string;
  /** Root mean square of the loudspeaker's signal now, of full scale. */
  readonly outputLevel: number;
  readonly inputLevel: number;
}

const SILENT: PlayerStats = {
  playedSamples: 0,
  queuedSamples: 0,
  overflowSamples: 0,
  underruns: 0,
  clears: 0,
  clearedAfterMs: null,
};

declare global {
  interface Window {
    readonly __voicechat?: { readonly stats: () => Snapshot };
  }
}

/** Lets tests and the curious read, and only read, what the page measures: `window.__voicechat.stats()`. */
export function exposeStats(call: Call): void {
  const api = Object.freeze({ stats: () => snapshot(call) });
  Object.defineProperty(window, "__voicechat", { value: api, configurable: true });
}

function snapshot(call: Call): Snapshot {
  const { phase, conversation } = call.store.value;
  return Object.freeze({
    phase,
    state: conversation.state,
    ...call.stats.counters,
    ...(call.player?.stats ?? SILENT),
    outputLevel: call.outputAnalyser === null ? 0 : rms(call.outputAnalyser),
    inputLevel: call.inputAnalyser === null ? 0 : rms(call.inputAnalyser),
  });
}
