/** What the server says of itself before a call. */
export interface Door {
  readonly status: "loading" | "serving" | "draining";
  /** How much of what it loads is there, 0 to 1. */
  readonly progress: number;
  readonly rooms: boolean;
  readonly keyRequired: boolean;
  readonly full: boolean;
}

const TIMEOUT_MS = 5000;

/** A server that says nothing of itself is taken to be ready, without rooms. */
export const UNKNOWN_DOOR: Door = { status: "serving", progress: 1, rooms: false, keyRequired: false, full: false };

/** Asks this origin; null when it does not answer. */
export async function fetchDoor(signal: AbortSignal): Promise<Door | null> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch("/api/door", { cache: "no-store", signal: limit });
    return response.ok ? parseDoor(await response.json()) : null;
  } catch {
    return null;
  }
}

/** Reads the answer of `/api/door`, with a default for whatever is missing. */
export function parseDoor(value: unknown): Door {
  if (typeof value !== "object" || value === null) return UNKNOWN_DOOR;
  const given = value as Readonly<Record<string, unknown>>;
  const { status, progress } = given;
  return {
    status: status === "loading" || status === "draining" ? status : "serving",
    progress: typeof progress === "number" ? Math.min(1, Math.max(0, progress)) : 1,
    rooms: given["rooms"] === true,
    keyRequired: given["key_required"] === true,
    full: given["full"] === true,
  };
}
