import type { AssistantState, ConversationEvent, ConversationItem } from "@/realtime/events";

/** A stream of words on `lk.transcription`, as far as it has come. */
export interface Words {
  readonly segment: string;
  readonly isPerson: boolean;
  readonly isFinal: boolean;
  /** What came last. */
  readonly delta: string;
  /** All of the stream so far. */
  readonly text: string;
}

/** An event on `voicechat`, of any kind. */
type Told = Readonly<Record<string, unknown>>;

const STATES: ReadonlySet<string> = new Set(["idle", "listening", "thinking", "speaking", "interrupted", "terminated"]);

/**
 * What a data packet of the agent means for what is shown, in the events of the Realtime protocol.
 *
 * A reply goes by its response's id, for its words do. Anything that is not understood means nothing.
 */
export function fromPacket(text: string): readonly ConversationEvent[] {
  const told = parse(text);
  const item_id = textOf(told, "item_id");
  switch (told["type"]) {
    case "voicechat.state": {
      const state = textOf(told, "state");
      return STATES.has(state) ? [{ type: "voicechat.state", state: state as AssistantState }] : [];
    }
    case "voicechat.speech":
      return [{ type: "input_audio_buffer.speech_started", item_id }];
    case "voicechat.committed":
      return [{ type: "input_audio_buffer.committed", item_id }];
    case "voicechat.discarded":
      return [{ type: "voicechat.discarded", item_id }];
    case "voicechat.reply":
      return fromReply(textOf(told, "response_id"), textOf(told, "status"), textOf(told, "text"));
    case "voicechat.turn":
      return [
        {
          type: "voicechat.turn",
          response_id: textOf(told, "response_id"),
          stages_ms: numbersOf(told["stages_ms"]),
          starts_ms: numbersOf(told["starts_ms"]),
        },
      ];
    default:
      return [];
  }
}

/** What words on `lk.transcription` mean. What was heard of a cut reply comes a second time; the packet has told it. */
export function fromWords(words: Words): readonly ConversationEvent[] {
  const { segment: item_id, isPerson, isFinal, delta, text } = words;
  if (!isPerson) return isFinal ? [] : [{ type: "response.output_audio_transcript.delta", item_id, delta }];
  if (!isFinal) return [{ type: "voicechat.transcript", item_id, text }];
  if (text === "") return [{ type: "voicechat.discarded", item_id }];
  return [{ type: "conversation.item.input_audio_transcription.completed", item_id, transcript: text }];
}

/** Typed words come back from nobody. */
export function fromTyped(id: string, text: string): ConversationEvent {
  const content = [{ type: "input_text", text }];
  return { type: "conversation.item.added", item: { id, type: "message", role: "user", content } };
}

function fromReply(id: string, status: string, text: string): readonly ConversationEvent[] {
  const item: ConversationItem = { id, type: "message", role: "assistant", content: [] };
  if (status === "started") {
    return [
      { type: "response.created", response: { id } },
      { type: "response.output_item.added", response_id: id, item },
    ];
  }
  if (status !== "completed" && status !== "cancelled" && status !== "failed") return [];
  const output = [{ ...item, content: [{ type: "output_audio", transcript: text }] }];
  return [{ type: "response.done", response: { id, status, output } }];
}

function parse(text: string): Told {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Told) : {};
  } catch {
    return {};
  }
}

function textOf(told: Told, name: string): string {
  const value = told[name];
  return typeof value === "string" ? value : "";
}

function numbersOf(value: unknown): Readonly<Record<string, number>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}
