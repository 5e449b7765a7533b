/** How often the clock is looked at, ms. */
const TICK_MS = 1000;
/** A gap between two looks that means sleep, ms: browsers wake hidden pages once a minute at least while they hear. */
const ASLEEP_MS = 10_000;

/** Whether a page whose clock was last looked at `gapMs` ago has been asleep. */
export function wasAsleep(gapMs: number): boolean {
  return gapMs > ASLEEP_MS;
}

/** Keeps the screen on while `signal` lives, where the browser can, and calls `onWake` after each sleep. */
export function watchSleep(onWake: () => void, signal: AbortSignal): void {
  let looked = Date.now();
  const look = (): void => {
    const gap = Date.now() - looked;
    looked = Date.now();
    if (wasAsleep(gap)) onWake();
  };
  const timer = setInterval(look, TICK_MS);
  const shown = (): void => {
    look();
    if (document.visibilityState === "visible") void keepScreenOn(signal);
  };
  document.addEventListener("visibilitychange", shown, { signal });
  signal.addEventListener("abort", () => { clearInterval(timer); }, { once: true });
  void keepScreenOn(signal);
}

/** The lock ends by itself when the page is hidden. */
async function keepScreenOn(signal: AbortSignal): Promise<void> {
  if (!("wakeLock" in navigator)) return;
  const lock = await navigator.wakeLock.request("screen").catch(() => null);
  const release = (): void => void lock?.release();
  if (signal.aborted) release();
  else signal.addEventListener("abort", release, { once: true });
}
