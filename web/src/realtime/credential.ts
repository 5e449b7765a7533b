import { Problem, problemOfStatus } from "@/realtime/problem";

const TIMEOUT_MS = 10_000;

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
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ session: { type: "realtime" } }),
      cache: "no-store",
      signal,
    });
  } catch (error) {
    throw new Problem("unreachable", String(error));
  }
}
