import type { Problem } from "@/call/problem";
import type { TransportKind } from "@/call/transport";
import { EMPTY, type Conversation } from "@/realtime/conversation";

/** `loading`: the microphone is open, and the server still loads its models. */
export type Phase = "idle" | "connecting" | "loading" | "live" | "reconnecting";

/** Everything the page shows of a call. */
export interface CallView {
  readonly phase: Phase;
  readonly conversation: Conversation;
  readonly problem: Problem | null;
  /** The open microphone; null in a call by text. */
  readonly microphoneId: string | null;
  readonly muted: boolean;
  readonly voice: string;
  /** What carries the call; null without one. */
  readonly transport: TransportKind | null;
  /** A sentence of the server's for people; "" for none. */
  readonly remark: string;
  /** How much of the server's models is loaded, 0 to 1. */
  readonly progress: number;
  /** Whether the device was asleep during the call, and nobody has been told yet. */
  readonly slept: boolean;
}

export const IDLE: CallView = {
  phase: "idle",
  conversation: EMPTY,
  problem: null,
  microphoneId: null,
  muted: false,
  voice: "",
  transport: null,
  remark: "",
  progress: 1,
  slept: false,
};
