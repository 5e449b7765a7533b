import { describe, expect, test } from "vitest";

import { EMPTY, isQuiet, reconnected, reduce, type Conversation, type Line } from "@/realtime/conversation";
import type { ConversationEvent } from "@/realtime/events";

const STARTED: ConversationEvent = { type: "input_audio_buffer.speech_started", item_id: "u1" };
const COMMITTED: ConversationEvent = { type: "input_audio_buffer.committed", item_id: "u1" };
const CREATED: ConversationEvent = { type: "response.created", response: { id: "r1" } };
const ADDED: ConversationEvent = {
  type: "response.output_item.added",
  response_id: "r1",
  item: { id: "a1", type: "message", role: "assistant", content: [] },
};

function after(...events: readonly ConversationEvent[]): Conversation {
  return events.reduce(reduce, EMPTY);
}

function interim(delta: string): ConversationEvent {
  return { type: "conversation.item.input_audio_transcription.delta", item_id: "u1", delta };
}

function heard(transcript: string): ConversationEvent {
  return { type: "conversation.item.input_audio_transcription.completed", item_id: "u1", transcript };
}

function said(delta: string): ConversationEvent {
  return { type: "response.output_audio_transcript.delta", item_id: "a1", delta };
}

function done(status: "completed" | "cancelled", transcript: string): ConversationEvent {
  const content = [{ type: "output_audio", transcript }];
  const item = { id: "a1", type: "message", role: "assistant", content } as const;
  return { type: "response.done", response: { id: "r1", status, output: [item] } };
}

function line(view: Conversation, id: string): Line | undefined {
  return view.lines.find((known) => known.id === id);
}

describe("the person's words", () => {
  test("appear as they come", () => {
    expect(line(after(STARTED, interim("What"), interim(" time")), "u1")).toMatchObject({
      text: "What time",
      status: "partial",
    });
  });

  test("are replaced by the final transcript", () => {
    expect(line(after(STARTED, interim("Wat"), COMMITTED, heard(" What time is it? ")), "u1")).toMatchObject({
      text: "What time is it?",
      status: "final",
    });
  });

  test("keep their place before the reply when they come after it began", () => {
    const view = after(STARTED, COMMITTED, CREATED, ADDED, said("It is"), heard("What time is it?"));
    expect(view.lines.map((each) => each.id)).toEqual(["u1", "a1"]);
  });

  test("vanish when they were no turn", () => {
    expect(after(STARTED, interim("mm"), { type: "voicechat.discarded", item_id: "u1" }).lines).toEqual([]);
  });

  test("typed are a line at once", () => {
    const item = { id: "t1", type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] } as const;
    const events = ["conversation.item.added", "conversation.item.done"] as const;
    const view = after(...events.map((type) => ({ type, previous_item_id: null, item })));
    expect(view.lines).toEqual([{ id: "t1", role: "user", status: "final", text: "Hi", unheard: "" }]);
  });
});

describe("the assistant's words", () => {
  test("appear as they come, while the reply is in progress", () => {
    const view = after(CREATED, ADDED, said("It is"), said(" noon."));
    expect(view.responseId).toBe("r1");
    expect(line(view, "a1")).toMatchObject({ text: "It is noon.", status: "partial" });
  });

  test("are final when the reply is done", () => {
    const view = after(CREATED, ADDED, said("It is"), done("completed", "It is noon."));
    expect(view.responseId).toBeNull();
    expect(line(view, "a1")).toMatchObject({ text: "It is noon.", status: "final", unheard: "" });
  });

  test("are divided where they were cut", () => {
    const view = after(CREATED, ADDED, said("It is noon in Berlin."), done("cancelled", "It is noon"));
    expect(line(view, "a1")).toMatchObject({ text: "It is noon", unheard: " in Berlin.", status: "cut" });
  });

  test("take no more once they were cut", () => {
    const truncated: ConversationEvent = { type: "conversation.item.truncated", item_id: "a1", audio_end_ms: 200 };
    expect(line(after(CREATED, ADDED, said("It is"), truncated, said(" noon")), "a1")?.text).toBe("It is");
  });

  test("are placed behind the item that the server names", () => {
    const previous: ConversationEvent = {
      type: "conversation.item.added",
      previous_item_id: "u1",
      item: { id: "a1", type: "message", role: "assistant" },
    };
    const next: ConversationEvent = { type: "input_audio_buffer.speech_started", item_id: "u2" };
    expect(after(STARTED, next, previous).lines.map((each) => each.id)).toEqual(["u1", "a1", "u2"]);
  });
});

test("another reply's end leaves the one in progress", () => {
  const other: ConversationEvent = { type: "response.done", response: { id: "r0", status: "cancelled", output: [] } };
  expect(after(CREATED, other).responseId).toBe("r1");
});

test("a function call is no line", () => {
  const call: ConversationEvent = {
    type: "response.output_item.added",
    response_id: "r1",
    item: { id: "f1", type: "function_call" },
  };
  expect(after(CREATED, call).lines).toEqual([]);
});

test("state and latency are the server's", () => {
  const view = after(
    { type: "voicechat.state", state: "thinking" },
    { type: "voicechat.turn", response_id: "r1", stages_ms: { total: 700 }, starts_ms: { total: 0 } },
  );
  expect(view.state).toBe("thinking");
  expect(view.latencies).toEqual([{ responseId: "r1", stagesMs: { total: 700 }, startsMs: { total: 0 } }]);
});

test("the latencies of the last twenty turns are kept", () => {
  const turns = Array.from({ length: 25 }, (_, turn): ConversationEvent => {
    return { type: "voicechat.turn", response_id: `r${String(turn)}`, stages_ms: { total: turn } };
  });
  const { latencies } = after(...turns);
  expect(latencies).toHaveLength(20);
  expect(latencies.at(-1)?.responseId).toBe("r24");
});

test("an unknown event changes nothing", () => {
  const unknown = { type: "rate_limits.updated" } as unknown as ConversationEvent;
  expect(reduce(EMPTY, unknown)).toBe(EMPTY);
});

test("a new connection keeps the words and forgets the reply in progress", () => {
  const view = reconnected(after(CREATED, ADDED, said("It is")));
  expect(view).toMatchObject({ state: "idle", responseId: null, lines: [{ text: "It is", status: "final" }] });
});

describe("a moment to leave", () => {
  const listening: Conversation = { ...EMPTY, state: "listening" };

  test("is when nobody says anything and nobody waits for an answer", () => {
    expect(isQuiet(EMPTY)).toBe(true);
    expect(isQuiet(listening)).toBe(true);
  });

  test("is not while a reply is thought of or spoken", () => {
    expect(isQuiet({ ...EMPTY, state: "thinking" })).toBe(false);
    expect(isQuiet(reduce(listening, CREATED))).toBe(false);
  });

  test("is not while the person speaks, before their words are known", () => {
    const speaking = reduce(listening, STARTED);
    expect(isQuiet(speaking)).toBe(false);
    expect(isQuiet(reduce(speaking, { type: "voicechat.discarded", item_id: "u1" }))).toBe(true);
  });
});
