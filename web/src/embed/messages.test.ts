import { expect, test } from "vitest";

import { Problem } from "@/call/problem";
import { IDLE, type CallView } from "@/call/view";
import { messagesOf, parseCommand } from "@/embed/messages";
import type { Line } from "@/realtime/conversation";

function withLines(...lines: readonly Line[]): CallView {
  return { ...IDLE, conversation: { ...IDLE.conversation, lines } };
}

const LINE: Line = { id: "1", role: "user", status: "partial", text: "Hi", unheard: "" };

test.each([
  [{ voicechat: "talk" }, { type: "talk" }],
  [{ voicechat: "say", text: "Hi" }, { type: "say", text: "Hi" }],
  [{ voicechat: "mute", muted: true }, { type: "mute", muted: true }],
  [{ voicechat: "voice", voice: "" }, { type: "voice", voice: "" }],
])("%o is a command", (data, command) => {
  expect(parseCommand(data)).toEqual(command);
});

test.each([null, "talk", {}, { voicechat: "say", text: " " }, { voicechat: "mute" }, { voicechat: "eval" }])(
  "%o is none",
  (data) => {
    expect(parseCommand(data)).toBeNull();
  },
);

test("a line is told once, when it is final", () => {
  const final = withLines({ ...LINE, status: "final" });
  expect(messagesOf(IDLE, withLines(LINE))).toEqual([]);
  expect(messagesOf(withLines(LINE), final)).toEqual([{ type: "line", role: "user", text: "Hi", unheard: "" }]);
  expect(messagesOf(final, withLines({ ...LINE, status: "final" }))).toEqual([]);
});

test("states and problems are told as they come", () => {
  expect(messagesOf(IDLE, { ...IDLE, phase: "live", problem: new Problem("server-full") })).toEqual([
    { type: "state", phase: "live", state: "idle" },
    { type: "problem", kind: "server-full" },
  ]);
});
