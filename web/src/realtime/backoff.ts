/** Waits before each attempt to reconnect, ms. When they are used up, the person decides. */
export const RECONNECT_DELAYS_MS: readonly number[] = [300, 800, 2000, 4000, 8000];

/** The wait before attempt `attempt` (0 first), spread by up to a quarter; null when none is left. */
export function reconnectDelayMs(attempt: number, random: () => number = Math.random): number | null {
  const base = RECONNECT_DELAYS_MS[attempt];
  return base === undefined ? null : base * (1 + random() / 4);
}
