import type { ServerError } from "@/realtime/events";

/** Why a call cannot begin or go on. */
export type ProblemKind =
  | "no-microphone"
  | "microphone-busy"
  | "microphone-unplugged"
  | "permission-refused"
  | "insecure-context"
  | "unsupported"
  | "server-full"
  | "loading"
  | "draining"
  | "unauthorized"
  | "unreachable"
  | "connection-lost"
  | "session-ended"
  | "server-error"
  | "rooms-off"
  | "refused";

export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    detail = "",
  ) {
    super(detail);
    this.name = "Problem";
  }
}

/** WebSocket close codes with a meaning of their own (RFC 6455, section 7.4, and the IANA registry). */
const CLOSE_NORMAL = 1000;
const CLOSE_INTERNAL = 1011;
const CLOSE_TRY_LATER = 1013;
const CLOSE_UNAUTHORIZED = 3000;

/** Codes of refusals with words of their own. */
const PASSING_CODES: Readonly<Record<string, ProblemKind>> = { loading: "loading", draining: "draining" };

const FULL_CODES: ReadonlySet<string> = new Set([
  "server_full",
  "rate_limit_exceeded",
  "session_limit_reached",
  "too_many_sessions",
  "at_capacity",
]);

/** What an HTTP status of the credential endpoint means; null when it succeeded. */
export function problemOfStatus(status: number): Problem | null {
  if (status >= 200 && status < 300) return null;
  if (status === 401 || status === 403) return new Problem("unauthorized");
  if (status === 429 || status === 503) return new Problem("server-full");
  return new Problem("unreachable", `HTTP ${status}`);
}

/** What the end of a connection means, given the last error the server sent before it. */
export function problemOfClose(code: number, reason: string, lastError: ServerError | null): Problem {
  const codeOfError = lastError?.code ?? lastError?.type ?? "";
  const passing = PASSING_CODES[codeOfError];
  if (passing !== undefined) return new Problem(passing, reason);
  if (code === CLOSE_TRY_LATER || FULL_CODES.has(codeOfError)) return new Problem("server-full", reason);
  if (code === CLOSE_UNAUTHORIZED) return new Problem("unauthorized", reason);
  if (code === CLOSE_NORMAL) return new Problem("session-ended", reason);
  if (code === CLOSE_INTERNAL) return new Problem("server-error", lastError?.message ?? reason);
  return new Problem("connection-lost", reason);
}

const TRANSIENT: ReadonlySet<ProblemKind> = new Set(["connection-lost", "unreachable", "server-error", "loading"]);

/** Whether trying again by itself may help. */
export function isTransient(problem: Problem): boolean {
  return TRANSIENT.has(problem.kind);
}

/** What a refusal of `getUserMedia` means (Media Capture and Streams, section 10.2). */
export function problemOfMicrophone(error: unknown): Problem {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return new Problem("permission-refused");
  if (name === "NotFoundError" || name === "OverconstrainedError") return new Problem("no-microphone");
  if (name === "NotReadableError" || name === "AbortError") return new Problem("microphone-busy");
  return new Problem("unsupported", name);
}

/** Any error as a `Problem`. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem("unsupported", String(error));
}
