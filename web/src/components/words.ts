import type { CallView } from "@/call/view";
import type { ProblemKind } from "@/call/problem";

interface ProblemWords {
  readonly title: string;
  readonly advice: string;
}

const TYPING = "You can still type below.";

export const PROBLEM_WORDS: Readonly<Record<ProblemKind, ProblemWords>> = {
  "no-microphone": { title: "No microphone found", advice: `Connect one and press Talk. ${TYPING}` },
  "microphone-busy": {
    title: "The microphone is in use",
    advice: `Another program holds it. Close that program and press Talk. ${TYPING}`,
  },
  "microphone-unplugged": {
    title: "The microphone is gone",
    advice: `It was unplugged or switched off. The call goes on: press Use microphone to go on with another. ${TYPING}`,
  },
  "permission-refused": {
    title: "The microphone is blocked",
    advice: `Allow it for this page in the browser's address bar, then press Talk. ${TYPING}`,
  },
  "insecure-context": {
    title: "This address is not secure",
    advice: `Browsers open a microphone only over https or on localhost. ${TYPING}`,
  },
  unsupported: {
    title: "This browser cannot do audio here",
    advice: "A current Chrome, Edge, Firefox or Safari can.",
  },
  "server-full": {
    title: "All lines are taken",
    advice: "The server holds as many conversations as it can. Try again in a minute.",
  },
  loading: { title: "The models are loading", advice: "The server has just begun. Press Talk in a few seconds." },
  draining: { title: "The server is shutting down", advice: "It takes no more conversations. Try again in a minute." },
  unauthorized: {
    title: "The server asks for a key",
    advice: "Enter the key that you were given for it. This page keeps it until you close the tab.",
  },
  unreachable: {
    title: "The server does not answer",
    advice: "Check that it is running, then try again.",
  },
  "connection-lost": {
    title: "The connection is lost",
    advice: "It did not come back after several attempts. Check the network, then press Talk.",
  },
  "session-ended": { title: "The call has ended", advice: "The server closed it. Press Talk for a new one." },
  "rooms-off": {
    title: "This server has no rooms",
    advice: "The address asks for them. Remove transport=rooms from it, or set up LiveKit on the server.",
  },
  refused: { title: "The assistant does not answer", advice: "" },
  "server-error": { title: "The server had a failure", advice: "Its log says more. Press Talk to try again." },
};

/** What the assistant is doing, in a few words. */
export function activityWords(view: CallView, isOnline = true): string {
  const { phase, conversation, microphoneId, muted, progress } = view;
  if (phase === "idle") return "";
  if (phase === "connecting") return "Connecting";
  if (phase === "loading") return `The models are loading, ${String(Math.round(progress * 100))} %`;
  if (phase === "reconnecting") return isOnline ? "Reconnecting" : "No network. It goes on when you are back";
  switch (conversation.state) {
    case "thinking":
      return "Thinking";
    case "speaking":
      return "Speaking";
    case "interrupted":
      return "Interrupted";
    case "idle":
    case "listening":
      return waitingWords(microphoneId, muted);
    case "terminated":
      return "Ended";
  }
}

function waitingWords(microphoneId: string | null, muted: boolean): string {
  if (microphoneId === null) return "Ready";
  return muted ? "Muted" : "Listening";
}

export const STAGE_WORDS: Readonly<Record<string, string>> = {
  endpoint: "turn end",
  asr: "ears",
  llm: "mind",
  tts: "voice",
};

/** The latency of a turn in small print: the total first, then the stages the server tells. */
export function latencyWords(stagesMs: Readonly<Record<string, number>>): string {
  const { total, ...stages } = stagesMs;
  const parts = Object.entries(stages).map(([stage, ms]) => `${STAGE_WORDS[stage] ?? stage} ${Math.round(ms)}`);
  const sum = total === undefined ? "" : `Answered in ${Math.round(total)} ms`;
  return [sum, ...parts].filter((part) => part !== "").join(" · ");
}
