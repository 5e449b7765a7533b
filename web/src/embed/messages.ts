import type { CallView } from "@/call/view";

/** What another page may ask of this one. */
export type Command =
  | { readonly type: "talk" }
  | { readonly type: "end" }
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "mute"; readonly muted: boolean }
  | { readonly type: "voice"; readonly voice: string };

/** What it is told. */
export type Message =
  | { readonly type: "ready" }
  | { readonly type: "state"; readonly phase: string; readonly state: string }
  | { readonly type: "line"; readonly role: string; readonly text: string; readonly unheard: string }
  | { readonly type: "problem"; readonly kind: string };

const MAX_CHARS = 4000;

/** Reads a message as a command; null for anything else. */
export function parseCommand(data: unknown): Command | null {
  if (typeof data !== "object" || data === null) return null;
  const { voicechat, text, muted, voice } = data as Readonly<Record<string, unknown>>;
  if (voicechat === "talk" || voicechat === "end") return { type: voicechat };
  if (voicechat === "say" && typeof text === "string" && text.trim() !== "") return { type: "say", text: text.slice(0, MAX_CHARS) };
  if (voicechat === "mute" && typeof muted === "boolean") return { type: "mute", muted };
  if (voicechat === "voice" && typeof voice === "string") return { type: "voice", voice };
  return null;
}

/** What there is to tell of the step from `before` to `now`: each line once, when it is final. */
export function messagesOf(before: CallView, now: CallView): readonly Message[] {
  const messages: Message[] = [];
  if (now.phase !== before.phase || now.conversation.state !== before.conversation.state) {
    messages.push({ type: "state", phase: now.phase, state: now.conversation.state });
  }
  if (now.conversation.lines !== before.conversation.lines) {
    const told = new Set(before.conversation.lines.filter(({ status }) => status !== "partial").map(({ id }) => id));
    for (const { id, role, status, text, unheard } of now.conversation.lines) {
      if (status !== "partial" && !told.has(id)) messages.push({ type: "line", role, text, unheard });
    }
  }
  if (now.problem !== null && now.problem !== before.problem) messages.push({ type: "problem", kind: now.problem.kind });
  return messages;
}
