import { expect, test } from "vitest";

import { IDLE, type CallView } from "@/call/view";
import { activityWords, latencyWords } from "@/components/words";
import type { AssistantState } from "@/realtime/events";

const LIVE: CallView = { ...IDLE, phase: "live", microphoneId: "m1" };

function inState(state: AssistantState): CallView {
  return { ...LIVE, conversation: { ...LIVE.conversation, state } };
}

test.each([
  ["listening", "Listening"],
  ["thinking", "Thinking"],
  ["speaking", "Speaking"],
  ["interrupted", "Interrupted"],
] as const)("%s is told", (state, words) => {
  expect(activityWords(inState(state))).toBe(words);
});

test("a muted call says so, and one by text does not claim to listen", () => {
  expect(activityWords({ ...LIVE, muted: true })).toBe("Muted");
  expect(activityWords({ ...LIVE, microphoneId: null })).toBe("Ready");
});

test("the connection's troubles come before the assistant's state", () => {
  expect(activityWords({ ...inState("speaking"), phase: "reconnecting" })).toBe("Reconnecting");
});

test("latency begins with the total", () => {
  expect(latencyWords({ endpoint: 500.4, asr: 80, total: 742.6 })).toBe("Answered in 743 ms · turn end 500 · ears 80");
});
