import { expect, test } from "vitest";

import { EMPTY, reduce, type Conversation } from "@/realtime/conversation";
import type { ConversationEvent } from "@/realtime/events";
import { parseTicket } from "@/rooms/ticket";
import { fromPacket, fromTyped, fromWords } from "@/rooms/translate";

function after(events: readonly ConversationEvent[]): Conversation {
  return events.reduce(reduce, EMPTY);
}

function packet(fields: Readonly<Record<string, unknown>>): readonly ConversationEvent[] {
  return fromPacket(JSON.stringify(fields));
}

function reply(delta: string, text: string): readonly ConversationEvent[] {
  return fromWords({ segment: "r1", isPerson: false, isFinal: false, delta, text });
}

function person(text: string, isFinal: boolean): readonly ConversationEvent[] {
  return fromWords({ segment: "u1", isPerson: true, isFinal, delta: text, text });
}

test("the person's words replace each other until they are final", () => {
  const { lines } = after([
    ...packet({ type: "voicechat.speech", item_id: "u1" }),
    ...person("what time", false),
    ...person("What time is it", false),
    ...person("What time is it?", true),
  ]);
  expect(lines).toEqual([{ id: "u1", role: "user", status: "final", text: "What time is it?", unheard: "" }]);
});

test("the unheard end of a reply that was cut stays, whichever comes first, its words or its beginning", () => {
  const { lines, responseId } = after([
    ...reply("One two", "One two"),
    ...packet({ type: "voicechat.reply", status: "started", response_id: "r1", item_id: "i1" }),
    ...reply(" three.", "One two three."),
    ...packet({ type: "voicechat.reply", status: "cancelled", response_id: "r1", item_id: "i1", text: "One two" }),
    ...fromWords({ segment: "r1", isPerson: false, isFinal: true, delta: "One two", text: "One two" }),
  ]);
  expect(lines).toEqual([{ id: "r1", role: "assistant", status: "cut", text: "One two", unheard: " three." }]);
  expect(responseId).toBeNull();
});

test("what became no turn disappears", () => {
  expect(after([...person("Mm", false), ...person("", true)]).lines).toEqual([]);
});

test("typed words are shown", () => {
  expect(after([fromTyped("t1", "Hello")]).lines).toMatchObject([{ role: "user", status: "final", text: "Hello" }]);
});

test("states and latencies are those of the other transport", () => {
  const view = after([
    ...packet({ type: "voicechat.state", state: "thinking" }),
    ...packet({ type: "voicechat.turn", response_id: "r1", stages_ms: { total: 700, odd: "x" }, starts_ms: { llm: 4 } }),
  ]);
  expect(view.state).toBe("thinking");
  expect(view.latencies).toEqual([{ responseId: "r1", stagesMs: { total: 700 }, startsMs: { llm: 4 } }]);
});

test.each(["", "7", "null", "{}", '{"type":"voicechat.state","state":"dancing"}', '{"type":"voicechat.reply"}'])(
  "the packet %s means nothing",
  (text) => {
    expect(fromPacket(text)).toEqual([]);
  },
);

test("a ticket needs an address and a token", () => {
  expect(parseTicket({ serverUrl: "ws://x", participantToken: "t" })).toEqual({ url: "ws://x", token: "t" });
  expect([null, {}, { serverUrl: "ws://x" }].map(parseTicket)).toEqual([null, null, null]);
});
