import { rms } from "@/audio/level";
import type { Call } from "@/call/call";
import type { Figures } from "@/call/transport";

export interface Snapshot extends Figures {
  readonly transport: string;
  readonly phase: string;
  readonly state: string;
  /** Root mean square of the loudspeaker's signal now, of full scale. */
  readonly outputLevel: number;
  readonly inputLevel: number;
}

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
  const { phase, conversation, transport } = call.store.value;
  return Object.freeze({
    transport: transport ?? "",
    phase,
    state: conversation.state,
    ...call.figures,
    outputLevel: call.outputAnalyser === null ? 0 : rms(call.outputAnalyser),
    inputLevel: call.inputAnalyser === null ? 0 : rms(call.inputAnalyser),
  });
}
