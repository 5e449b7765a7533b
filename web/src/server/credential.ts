import { Problem, problemOfStatus } from "@/call/problem";

const TIMEOUT_MS = 10_000;
const STORED_KEY = "voicechat.key";

/** Keeps the key that opens this server until the tab is closed; an empty one is forgotten. */
export function keepKey(key: string): void {
  if (key === "") sessionStorage.removeItem(STORED_KEY);
  else sessionStorage.setItem(STORED_KEY, key);
}

/** The headers that show the key, if one is kept. */
export function keyHeaders(): Record<string, string> {
  const key = sessionStorage.getItem(STORED_KEY);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/**
 * Asks this origin for a short-lived credential of one session.
 *
 * Throws `Problem` when the server refuses or cannot be reached.
 */
export async function fetchCredential(signal: AbortSignal): Promise<string> {
  const response = await post(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  const problem = problemOfStatus(response.status);
  if (problem !== null) throw problem;
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === "object" && body !== null && "value" in body && typeof body.value === "string") return body.value;
  throw new Problem("unreachable", "the credential has no value");
}

async function post(signal: AbortSignal): Promise<Response> {
  try {
    return await fetch("/v1/realtime/client_secrets", {
      method: "POST",
      headers: { "content-type": "application/json", ...keyHeaders() },
      body: JSON.stringify({ session: { type: "realtime" } }),
      cache: "no-store",
      signal,
    });
  } catch (error) {
    throw new Problem("unreachable", String(error));
  }
}
