import type { PlayerStats } from "@/audio/player";
import type { Counts } from "@/call/counters";
import type { Problem } from "@/call/problem";
import type { Conversation } from "@/realtime/conversation";
import type { ConversationEvent } from "@/realtime/events";

export type TransportKind = "websocket" | "rooms";

/** What a call begins with. */
export interface CallOptions {
  /** The microphone, "" for the browser's choice; null for a call by text. */
  readonly deviceId: string | null;
  /** A voice's id, "" for the server's default. */
  readonly voice: string;
  readonly muted: boolean;
  /** Resolves once the server can hold a conversation. Rejects with `Problem` when it will not. */
  readonly ready: () => Promise<void>;
}

/** What a transport tells. Nothing is told after `close()`. */
export interface TransportListener {
  /** The conversation as it is shown. */
  readonly conversation: () => Conversation;
  readonly onEvent: (event: ConversationEvent) => void;
  readonly onPhase: (phase: "live" | "reconnecting") => void;
  /** The microphone that is open now; null for none. */
  readonly onMicrophone: (deviceId: string | null) => void;
  /** The microphone was unplugged or taken away. The call goes on. */
  readonly onUnplugged: () => void;
  /** A sentence of the server's for people; "" takes it back. */
  readonly onRemark: (sentence: string) => void;
  /** The call is over. */
  readonly onEnded: (problem: Problem) => void;
}

/** What the network and the loudspeaker are like. Counts are of this call. */
export interface Figures extends PlayerStats, Counts {}

/**
 * One call over one kind of wire.
 *
 * `open` and `useMicrophone` throw `Problem`. A transport is opened once, and closed once, whatever has happened to it.
 */
export interface Transport {
  readonly kind: TransportKind;
  readonly inputAnalyser: AnalyserNode | null;
  readonly outputAnalyser: AnalyserNode | null;
  readonly figures: Figures;
  open(options: CallOptions): Promise<void>;
  useMicrophone(deviceId: string): Promise<void>;
  setMuted(muted: boolean): void;
  /** Says `text` in writing, over whatever is being said; false while that is not possible. */
  write(text: string): boolean;
  /** Speaks with another voice from the next reply on; false where only another call can. */
  setVoice(voice: string): boolean;
  /** The device was asleep: goes on as well as it can. */
  wake(): void;
  close(): void;
}

export const NO_FIGURES: Figures = {
  sentFrames: 0,
  droppedFrames: 0,
  receivedChunks: 0,
  badChunks: 0,
  playedSamples: 0,
  queuedSamples: 0,
  overflowSamples: 0,
  underruns: 0,
  clears: 0,
  clearedAfterMs: null,
};
