import { asProblem, Problem } from "@/call/problem";

/** Waits before each attempt to reconnect, ms. When they are used up, the person decides. */
export const RECONNECT_DELAYS_MS: readonly number[] = [300, 800, 2000, 4000, 8000];

/** The wait before attempt `attempt` (0 first), spread by up to a quarter; null when none is left. */
export function reconnectDelayMs(attempt: number, random: () => number = Math.random): number | null {
  const base = RECONNECT_DELAYS_MS[attempt];
  return base === undefined ? null : base * (1 + random() / 4);
}

export interface Retrying {
  /** Whether the first attempt needs no wait. */
  readonly atOnce: boolean;
  /** Whether to go on after this. */
  readonly isWorthwhile: (problem: Problem) => boolean;
  readonly signal: AbortSignal;
}

/** Attempts until one succeeds, none is left, or going on is not worthwhile; null once one has succeeded. */
export async function retrying(attempt: () => Promise<void>, options: Retrying): Promise<Problem | null> {
  let problem = new Problem("connection-lost");
  for (let number = options.atOnce ? -1 : 0; ; number += 1) {
    const delay = number < 0 ? 0 : reconnectDelayMs(number);
    if (delay === null) return problem;
    try {
      await whenOnline(options.signal);
      await pause(delay, options.signal);
      await attempt();
      return null;
    } catch (error) {
      problem = asProblem(error);
      if (options.signal.aborted || !options.isWorthwhile(problem)) return problem;
    }
  }
}

/** Waits `ms`. Rejects with `Problem` when `signal` is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    onAbort(signal, () => {
      clearTimeout(timer);
      reject(new Problem("connection-lost"));
    });
  });
}

/** A device that knows it has no network makes no attempts: they are for when it has one again. */
async function whenOnline(signal: AbortSignal): Promise<void> {
  if (navigator.onLine) return;
  await new Promise<void>((resolve, reject) => {
    addEventListener("online", () => { resolve(); }, { once: true, signal });
    onAbort(signal, () => { reject(new Problem("connection-lost")); });
  });
}

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}
