import type {
  AssistantState,
  ContentPart,
  ConversationEvent,
  ConversationItem,
  ItemAdded,
  ResponseDone,
  TurnEvent,
} from "@/realtime/events";
import { splitHeard } from "@/realtime/heard";

export type LineStatus = "partial" | "final" | "cut";

/** What one side said. Lines without text hold the place of words that may still come. */
export interface Line {
  readonly id: string;
  readonly role: "user" | "assistant";
  readonly status: LineStatus;
  readonly text: string;
  /** The end of a reply that was cut: written, but not heard. */
  readonly unheard: string;
}

/** Latency of one turn by stage, ms, and when each stage began after the end of speech. */
export interface TurnLatency {
  readonly responseId: string;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly startsMs: Readonly<Record<string, number>>;
}

const MAX_LATENCIES = 20;

/** Everything the page shows of a conversation. */
export interface Conversation {
  readonly state: AssistantState;
  readonly lines: readonly Line[];
  /** The reply in progress. */
  readonly responseId: string | null;
  /** Where the time of the last turns went, the newest last. */
  readonly latencies: readonly TurnLatency[];
}

export const EMPTY: Conversation = { state: "idle", lines: [], responseId: null, latencies: [] };

/** The conversation after `event`. Pure; unknown events change nothing. */
export function reduce(view: Conversation, event: ConversationEvent): Conversation {
  switch (event.type) {
    case "voicechat.state":
      return { ...view, state: event.state };
    case "voicechat.turn":
      return { ...view, latencies: [...view.latencies, latency(event)].slice(-MAX_LATENCIES) };
    case "conversation.item.added":
    case "conversation.item.done":
      return addItem(view, event);
    case "conversation.item.deleted":
    case "conversation.item.input_audio_transcription.failed":
    case "voicechat.discarded":
      return remove(view, event.item_id);
    case "conversation.item.truncated":
      return patch(view, event.item_id, { status: "cut" });
    case "input_audio_buffer.speech_started":
      return place(view, blank(event.item_id, "user"));
    case "input_audio_buffer.committed":
      return place(view, blank(event.item_id, "user"), event.previous_item_id);
    case "conversation.item.input_audio_transcription.delta":
      return append(place(view, blank(event.item_id, "user")), event.item_id, event.delta ?? "");
    case "voicechat.transcript":
      return patch(place(view, blank(event.item_id, "user")), event.item_id, { text: event.text });
    case "conversation.item.input_audio_transcription.completed":
      return settle(place(view, blank(event.item_id, "user")), event.item_id, event.transcript);
    case "response.created":
      return { ...view, responseId: event.response.id };
    case "response.output_item.added":
      return event.item.type === "message" ? place(view, blank(event.item.id, "assistant")) : view;
    case "response.output_audio_transcript.delta":
    case "response.output_text.delta":
      return append(place(view, blank(event.item_id, "assistant")), event.item_id, event.delta);
    case "response.done":
      return finish(view, event.response);
    default:
      return view;
  }
}

function latency(event: TurnEvent): TurnLatency {
  return { responseId: event.response_id, stagesMs: event.stages_ms, startsMs: event.starts_ms ?? {} };
}

/** Drops what only the old connection knew, and keeps the words. */
export function reconnected(view: Conversation): Conversation {
  const lines = view.lines.map((line) => (line.status === "partial" ? { ...line, status: "final" as const } : line));
  return { ...view, state: "idle", responseId: null, lines };
}

/** Whether nobody says anything, and nobody waits for an answer. */
export function isQuiet(view: Conversation): boolean {
  const waits = view.state === "idle" || view.state === "listening";
  return waits && view.responseId === null && view.lines.every((line) => line.status !== "partial");
}

function blank(id: string, role: Line["role"]): Line {
  return { id, role, status: "partial", text: "", unheard: "" };
}

/** Adds a line unless it is there, behind `previousId` where that is known. */
function place(view: Conversation, line: Line, previousId?: string | null): Conversation {
  if (view.lines.some((known) => known.id === line.id)) return view;
  const previous = view.lines.findIndex((known) => known.id === previousId);
  const at = previous < 0 ? view.lines.length : previous + 1;
  return { ...view, lines: view.lines.toSpliced(at, 0, line) };
}

function remove(view: Conversation, id: string): Conversation {
  return { ...view, lines: view.lines.filter((line) => line.id !== id) };
}

function patch(view: Conversation, id: string, change: Partial<Line>): Conversation {
  return { ...view, lines: view.lines.map((line) => (line.id === id ? { ...line, ...change } : line)) };
}

function append(view: Conversation, id: string, delta: string): Conversation {
  const lines = view.lines.map((line) =>
    line.id === id && line.status === "partial" ? { ...line, text: line.text + delta } : line,
  );
  return { ...view, lines };
}

function settle(view: Conversation, id: string, text: string): Conversation {
  return patch(view, id, { text: text.trim(), status: "final" });
}

function addItem(view: Conversation, event: ItemAdded): Conversation {
  const { item, previous_item_id: previousId } = event;
  if (item.type !== "message" || (item.role !== "user" && item.role !== "assistant")) return view;
  const placed = place(view, blank(item.id, item.role), previousId);
  const text = textOf(item);
  return item.role === "user" && text !== "" ? settle(placed, item.id, text) : placed;
}

function finish(view: Conversation, response: ResponseDone["response"]): Conversation {
  const ended = response.output
    .filter((item) => item.type === "message")
    .reduce((seen, item) => endReply(seen, item, response.status === "cancelled"), view);
  return view.responseId === response.id ? { ...ended, responseId: null, lines: ended.lines.map(closed) } : ended;
}

/** A reply in progress has ended; the person may still be speaking. */
function closed(line: Line): Line {
  return line.role === "assistant" && line.status === "partial" ? { ...line, status: "final" } : line;
}

function endReply(view: Conversation, item: ConversationItem, cancelled: boolean): Conversation {
  const line = place(view, blank(item.id, "assistant")).lines.find((known) => known.id === item.id);
  const text = textOf(item);
  if (line === undefined) return view;
  const cut = cancelled || line.status === "cut";
  if (!cut) return settle(place(view, line), item.id, text === "" ? line.text : text);
  const { heard, unheard } = splitHeard(line.text, text);
  return patch(view, item.id, { text: heard, unheard, status: "cut" });
}

function textOf(item: ConversationItem): string {
  return (item.content ?? []).map(partText).join("");
}

function partText(part: ContentPart): string {
  return part.transcript ?? part.text ?? "";
}
