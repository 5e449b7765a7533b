import { Problem, problemOfStatus } from "@/call/problem";
import { keyHeaders } from "@/server/credential";

/** Where the room is, and what lets one in. */
export interface Ticket {
  readonly url: string;
  readonly token: string;
}

const TIMEOUT_MS = 10_000;

/** Asks this origin for a room whose assistant speaks with `voice`, "" for the default. Throws `Problem`. */
export async function fetchTicket(voice: string, signal: AbortSignal): Promise<Ticket> {
  const response = await post(voice, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  if (response.status === 404) throw new Problem("rooms-off");
  const problem = problemOfStatus(response.status);
  if (problem !== null) throw problem;
  const ticket = parseTicket(await response.json().catch(() => null));
  if (ticket === null) throw new Problem("unreachable", "the answer names no room");
  return ticket;
}

/** Reads the answer of `/api/connection-details`; null where something is missing. */
export function parseTicket(value: unknown): Ticket | null {
  if (typeof value !== "object" || value === null) return null;
  const { serverUrl: url, participantToken: token } = value as Readonly<Record<string, unknown>>;
  return typeof url === "string" && typeof token === "string" ? { url, token } : null;
}

async function post(voice: string, signal: AbortSignal): Promise<Response> {
  const session = voice === "" ? {} : { session: { type: "realtime", audio: { output: { voice } } } };
  try {
    return await fetch("/api/connection-details", {
      method: "POST",
      headers: { "content-type": "application/json", ...keyHeaders() },
      body: JSON.stringify(session),
      cache: "no-store",
      signal,
    });
  } catch (error) {
    throw new Problem("unreachable", String(error));
  }
}
