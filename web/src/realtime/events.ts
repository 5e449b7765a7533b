/**
 * The events of the OpenAI Realtime protocol (GA) that the page sends and understands, and the `voicechat.*` extension.
 * Everything else a server may send is ignored.
 */

export type AssistantState = "idle" | "listening" | "thinking" | "speaking" | "interrupted" | "terminated";

export interface ContentPart {
  readonly type: string;
  readonly text?: string | null;
  readonly transcript?: string | null;
}

export interface ConversationItem {
  readonly id: string;
  readonly type: string;
  readonly role?: "user" | "assistant" | "system";
  readonly content?: readonly ContentPart[];
}

export interface ServerError {
  readonly type?: string;
  readonly code?: string | null;
  readonly message: string;
}

export interface SessionCreated {
  readonly type: "session.created";
}

export interface ItemAdded {
  readonly type: "conversation.item.added" | "conversation.item.done";
  readonly previous_item_id?: string | null;
  readonly item: ConversationItem;
}

export interface ItemDeleted {
  readonly type: "conversation.item.deleted";
  readonly item_id: string;
}

export interface ItemTruncated {
  readonly type: "conversation.item.truncated";
  readonly item_id: string;
  readonly audio_end_ms: number;
}

export interface SpeechStarted {
  readonly type: "input_audio_buffer.speech_started";
  readonly item_id: string;
}

export interface InputCommitted {
  readonly type: "input_audio_buffer.committed";
  readonly item_id: string;
  readonly previous_item_id?: string | null;
}

export interface InputTranscriptDelta {
  readonly type: "conversation.item.input_audio_transcription.delta";
  readonly item_id: string;
  readonly delta?: string;
}

/** All that the person has said so far in this turn; corrects what the additions got wrong. */
export interface InputTranscriptSoFar {
  readonly type: "voicechat.transcript";
  readonly item_id: string;
  readonly text: string;
}

export interface InputTranscriptCompleted {
  readonly type: "conversation.item.input_audio_transcription.completed";
  readonly item_id: string;
  readonly transcript: string;
}

export interface InputTranscriptFailed {
  readonly type: "conversation.item.input_audio_transcription.failed";
  readonly item_id: string;
}

export interface ResponseCreated {
  readonly type: "response.created";
  readonly response: { readonly id: string };
}

export interface OutputItemAdded {
  readonly type: "response.output_item.added";
  readonly response_id: string;
  readonly item: ConversationItem;
}

export interface OutputTextDelta {
  readonly type: "response.output_audio_transcript.delta" | "response.output_text.delta";
  readonly item_id: string;
  readonly delta: string;
}

export interface OutputAudioDelta {
  readonly type: "response.output_audio.delta";
  readonly response_id: string;
  readonly item_id: string;
  /** PCM16, 24 kHz, mono, base64. */
  readonly delta: string;
}

export interface OutputAudioDone {
  readonly type: "response.output_audio.done";
  readonly item_id: string;
}

export interface ResponseDone {
  readonly type: "response.done";
  readonly response: {
    readonly id: string;
    readonly status: "completed" | "cancelled" | "failed" | "incomplete";
    readonly output: readonly ConversationItem[];
  };
}

export interface ErrorEvent {
  readonly type: "error";
  readonly error: ServerError;
}

export interface StateEvent {
  readonly type: "voicechat.state";
  readonly state: AssistantState;
}

export interface TurnEvent {
  readonly type: "voicechat.turn";
  readonly response_id: string;
  readonly stages_ms: Readonly<Record<string, number>>;
  readonly starts_ms?: Readonly<Record<string, number>>;
}

export interface ClearedEvent {
  readonly type: "voicechat.cleared";
  readonly item_id: string;
}

/** What was heard became no turn: silence, or an "mm-hm" over the reply. */
export interface DiscardedEvent {
  readonly type: "voicechat.discarded";
  readonly item_id: string;
}

export interface SessionMoved {
  readonly type: "voicechat.session.moved";
  readonly resume_token: string;
}

/** The events that change what the conversation looks like. */
export type ConversationEvent =
  | ItemAdded
  | ItemDeleted
  | ItemTruncated
  | SpeechStarted
  | InputCommitted
  | InputTranscriptDelta
  | InputTranscriptSoFar
  | InputTranscriptCompleted
  | InputTranscriptFailed
  | ResponseCreated
  | OutputItemAdded
  | OutputTextDelta
  | ResponseDone
  | StateEvent
  | TurnEvent
  | DiscardedEvent;

export type ServerEvent =
  | ConversationEvent
  | SessionCreated
  | OutputAudioDelta
  | OutputAudioDone
  | ClearedEvent
  | SessionMoved
  | ErrorEvent;

export interface SessionUpdate {
  readonly type: "session.update";
  readonly session: {
    readonly type: "realtime";
    readonly output_modalities: readonly ["audio"];
    readonly audio: {
      readonly input: {
        readonly format: PcmFormat;
        readonly transcription: { readonly model: string };
      };
      readonly output: { readonly format: PcmFormat; readonly voice?: string };
    };
  };
}

export interface PcmFormat {
  readonly type: "audio/pcm";
  readonly rate: 24000;
}

export type ClientEvent =
  | SessionUpdate
  | { readonly type: "input_audio_buffer.append"; readonly audio: string }
  | { readonly type: "conversation.item.create"; readonly item: UserText }
  | { readonly type: "response.create" }
  | { readonly type: "response.cancel" }
  | { readonly type: "voicechat.session.leave" }
  | { readonly type: "voicechat.played"; readonly item_id: string; readonly audio_end_ms: number };

export interface UserText {
  readonly type: "message";
  readonly role: "user";
  readonly content: readonly [{ readonly type: "input_text"; readonly text: string }];
}

const PCM: PcmFormat = { type: "audio/pcm", rate: 24000 };

/** What the page asks of a session: speech both ways, in `voice` unless it is "", and the words of what it heard. */
export function sessionUpdate(voice: string): SessionUpdate {
  const output = voice === "" ? { format: PCM } : { format: PCM, voice };
  const input = { format: PCM, transcription: { model: "whisper-1" } };
  return {
    type: "session.update",
    session: { type: "realtime", output_modalities: ["audio"], audio: { input, output } },
  };
}

/** One text frame as an event, or null if it is not JSON with a `type`. The server is trusted for the rest. */
export function parseEvent(frame: string): ServerEvent | null {
  try {
    const value: unknown = JSON.parse(frame);
    return hasType(value) ? value : null;
  } catch {
    return null;
  }
}

function hasType(value: unknown): value is ServerEvent {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
