/** What was played of one item, samples at the rate of the playlist. */
export interface Played {
  readonly itemId: string;
  readonly samples: number;
}

interface Run {
  readonly itemId: string;
  left: number;
}

/** Cleared items that are remembered; stragglers of older ones do not come. */
const MAX_CLEARED = 32;
/** A fade short enough to count as immediate, long enough not to click. */
const FADE_MS = 5;
/** Playing starts with this much in hand, or once the first audio has waited this long: network jitter, not latency. */
const PRIME_MS = 40;

/**
 * A bounded ring of samples with exact accounts: which item each sample belongs to, and how many of each were played.
 * Items play in the order in which they come; an item that was cleared takes no more audio.
 */
export class Playlist {
  readonly #ring: Float32Array;
  readonly #cleared = new Set<string>();
  #runs: Run[] = [];
  #read = 0;
  #queued = 0;
  #waited = 0;
  #primed = false;
  #fade = 0;
  #itemId: string | null = null;
  #itemSamples = 0;
  #ended: string | null = null;
  #finished: Played[] = [];
  /** Samples refused because the ring was full. */
  overflow = 0;
  /** Times that audio ran out before the end of an item. */
  underruns = 0;
  /** Samples played of all items. */
  total = 0;

  constructor(
    readonly rateHz: number,
    capacityS: number,
  ) {
    this.#ring = new Float32Array(Math.round(rateHz * capacityS));
  }

  get queued(): number {
    return this.#queued;
  }

  /** The item that was played last, and how much of it. */
  get played(): Played | null {
    return this.#itemId === null ? null : { itemId: this.#itemId, samples: this.#itemSamples };
  }

  /** Whether a cleared item still sounds. */
  get fading(): boolean {
    return this.#fade > 0;
  }

  /** Items that gave way to the next since the last call. */
  takeFinished(): readonly Played[] {
    return this.#finished.splice(0);
  }

  push(itemId: string, samples: Float32Array): void {
    if (this.#cleared.has(itemId)) return;
    const taken = Math.min(samples.length, this.#ring.length - this.#queued);
    this.overflow += samples.length - taken;
    const write = (this.#read + this.#queued) % this.#ring.length;
    const first = Math.min(taken, this.#ring.length - write);
    this.#ring.set(samples.subarray(0, first), write);
    this.#ring.set(samples.subarray(first, taken), 0);
    this.#queued += taken;
    this.#extend(itemId, taken);
  }

  /** Voids what is queued of `itemId`, but for a fade of 5 ms if it is playing, and all that comes of it. */
  clear(itemId: string): void {
    this.#remember(itemId);
    const playing = this.#runs[0]?.itemId === itemId && this.#primed;
    const fade = playing ? Math.min(this.#runs[0]?.left ?? 0, this.#ms(FADE_MS)) : 0;
    this.#drop(itemId, fade);
    this.#fade = fade;
  }

  /** No more audio of `itemId` comes. */
  end(itemId: string): void {
    this.#ended = itemId;
  }

  /** Voids everything at once; what comes of the same items later is taken. */
  reset(): void {
    this.#runs = [];
    this.#queued = 0;
    this.#fade = 0;
    this.#primed = false;
    this.#cleared.clear();
  }

  /** Fills `output` with the next samples, silence where there are none. */
  pull(output: Float32Array): void {
    output.fill(0);
    if (!this.#ready(output.length)) return;
    const count = Math.min(output.length, this.#queued);
    for (let i = 0; i < count; i += 1) output[i] = this.#next();
    if (count < output.length) this.#ranDry();
  }

  #extend(itemId: string, count: number): void {
    const last = this.#runs.at(-1);
    if (last?.itemId === itemId) last.left += count;
    else if (count > 0) this.#runs.push({ itemId, left: count });
  }

  #ready(wanted: number): boolean {
    if (this.#primed || this.#queued === 0) return this.#primed;
    this.#waited += wanted;
    this.#primed = this.#queued >= this.#ms(PRIME_MS) || this.#waited >= this.#ms(PRIME_MS);
    return this.#primed;
  }

  #next(): number {
    const sample = this.#ring[this.#read] ?? 0;
    this.#read = (this.#read + 1) % this.#ring.length;
    this.#queued -= 1;
    this.#count();
    return sample * this.#gain();
  }

  #gain(): number {
    if (this.#fade === 0) return 1;
    this.#fade -= 1;
    return this.#fade / this.#ms(FADE_MS);
  }

  #count(): void {
    const run = this.#runs[0];
    if (run === undefined) return;
    if (this.#itemId !== run.itemId) this.#begin(run.itemId);
    this.#itemSamples += 1;
    this.total += 1;
    run.left -= 1;
    if (run.left === 0) this.#runs.shift();
  }

  #begin(itemId: string): void {
    if (this.played !== null) this.#finished.push(this.played);
    this.#itemId = itemId;
    this.#itemSamples = 0;
  }

  #ranDry(): void {
    this.#primed = false;
    this.#waited = 0;
    const over = this.#itemId === this.#ended || this.#cleared.has(this.#itemId ?? "");
    if (!over) this.underruns += 1;
  }

  #remember(itemId: string): void {
    this.#cleared.add(itemId);
    const [oldest] = this.#cleared;
    if (this.#cleared.size > MAX_CLEARED && oldest !== undefined) this.#cleared.delete(oldest);
  }

  /** Removes what is queued of `itemId` behind its first `keep` samples. */
  #drop(itemId: string, keep: number): void {
    const kept = new Float32Array(this.#queued);
    const runs: Run[] = [];
    let length = 0;
    let at = this.#read;
    for (const run of this.#runs) {
      const left = run.itemId === itemId ? (runs.length === 0 ? keep : 0) : run.left;
      for (let i = 0; i < left; i += 1) kept[length + i] = this.#ring[(at + i) % this.#ring.length] ?? 0;
      if (left > 0) runs.push({ itemId: run.itemId, left });
      length += left;
      at = (at + run.left) % this.#ring.length;
    }
    this.#runs = runs;
    this.#read = 0;
    this.#queued = length;
    this.#ring.set(kept.subarray(0, length));
  }

  #ms(ms: number): number {
    return Math.round((ms * this.rateHz) / 1000);
  }
}
