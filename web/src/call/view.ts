import { EMPTY, type Conversation } from "@/realtime/conversation";
import type { Problem } from "@/realtime/problem";

export type Phase = "idle" | "connecting" | "live" | "reconnecting";

/** Everything the page shows. */
export interface CallView {
  readonly phase: Phase;
  readonly conversation: Conversation;
  readonly problem: Problem | null;
  /** The open microphone; null in a call by text. */
  readonly microphoneId: string | null;
  readonly muted: boolean;
}

export const IDLE: CallView = {
  phase: "idle",
  conversation: EMPTY,
  problem: null,
  microphoneId: null,
  muted: false,
};
