/** Microphone frames and audio deltas of a call. */
export interface Counts {
  readonly sentFrames: number;
  readonly droppedFrames: number;
  readonly receivedChunks: number;
  readonly badChunks: number;
}

export class Counters {
  #counts: Counts = { sentFrames: 0, droppedFrames: 0, receivedChunks: 0, badChunks: 0 };

  countFrame(sent: boolean): void {
    this.#add(sent ? "sentFrames" : "droppedFrames");
  }

  countChunk(good: boolean): void {
    this.#add(good ? "receivedChunks" : "badChunks");
  }

  get values(): Counts {
    return this.#counts;
  }

  #add(name: keyof Counts): void {
    this.#counts = { ...this.#counts, [name]: this.#counts[name] + 1 };
  }
}
