/** Cuts a stream of float samples into PCM16 frames of one length. */
export class Frames {
  #frame: Int16Array;
  #filled = 0;

  constructor(readonly length: number) {
    this.#frame = new Int16Array(length);
  }

  /** Calls `emit` with each frame that `samples` completes; the frame is the receiver's. */
  push(samples: Float32Array, emit: (frame: Int16Array) => void): void {
    for (const sample of samples) {
      this.#frame[this.#filled] = toPcm16(sample);
      this.#filled += 1;
      if (this.#filled === this.length) this.#flush(emit);
    }
  }

  #flush(emit: (frame: Int16Array) => void): void {
    const frame = this.#frame;
    this.#frame = new Int16Array(this.length);
    this.#filled = 0;
    emit(frame);
  }
}

function toPcm16(sample: number): number {
  return Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
}
