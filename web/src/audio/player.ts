import { decodePcm, PROTOCOL_RATE_HZ, samplesToMs } from "@/audio/pcm";

/** The playout worklet's account, samples at 24 kHz. */
interface Report {
  readonly itemId: string | null;
  readonly samples: number;
  readonly total: number;
  readonly queued: number;
  readonly overflow: number;
  readonly underruns: number;
  /** Nothing of the item is left to play. */
  readonly drained: boolean;
  /** The item that fell silent because it was cleared. */
  readonly cleared: string | null;
  /** When the report was made, s on the context's clock. */
  readonly time: number;
}

export interface PlayerStats {
  readonly playedSamples: number;
  readonly queuedSamples: number;
  readonly overflowSamples: number;
  readonly underruns: number;
  readonly clears: number;
  /** From the last clear to silence, ms on the audio clock; null before the first. */
  readonly clearedAfterMs: number | null;
}

type PlayedListener = (itemId: string, audioEndMs: number) => void;

/** The assistant's voice: PCM16 of the protocol, played in order, cleared at once, counted exactly. */
export class Player {
  readonly analyser: AnalyserNode;
  readonly #node: AudioWorkletNode;
  #report: Report | null = null;
  #clearedAt = 0;
  #clears = 0;
  #clearedAfterMs: number | null = null;

  private constructor(
    private readonly context: AudioContext,
    private readonly onPlayed: PlayedListener,
  ) {
    this.#node = new AudioWorkletNode(context, "playout", { numberOfInputs: 0, outputChannelCount: [2] });
    this.#node.port.onmessage = ({ data }: MessageEvent<Report>) => {
      this.#account(data);
    };
    this.analyser = new AnalyserNode(context, { fftSize: 512, smoothingTimeConstant: 0.7 });
    this.#node.connect(this.analyser).connect(context.destination);
  }

  /** Opens the loudspeaker. Call it in a gesture of the person, or the browser keeps it silent. */
  static async open(onPlayed: PlayedListener): Promise<Player> {
    const context = new AudioContext({ sampleRate: PROTOCOL_RATE_HZ, latencyHint: "interactive" });
    try {
      await Promise.all([context.resume(), context.audioWorklet.addModule("/worklets/playout.js")]);
      return new Player(context, onPlayed);
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  /** Queues a base64 delta of `itemId`; false if it is not audio. */
  push(itemId: string, base64: string): boolean {
    try {
      const pcm = decodePcm(base64);
      this.#node.port.postMessage({ type: "push", itemId, pcm }, [pcm.buffer]);
      return true;
    } catch {
      return false;
    }
  }

  /** No more audio of `itemId` comes. */
  end(itemId: string): void {
    this.#node.port.postMessage({ type: "end", itemId });
  }

  /** Falls silent now, and takes no more of `itemId`. */
  clear(itemId: string): void {
    this.#clearedAt = this.context.currentTime;
    this.#node.port.postMessage({ type: "clear", itemId });
  }

  /** Voids everything, of whatever item. */
  reset(): void {
    this.#node.port.postMessage({ type: "reset" });
  }

  /** Goes on after the browser has stopped the clock, as it does when the device sleeps. */
  resume(): void {
    void this.context.resume();
  }

  close(): void {
    this.#node.port.onmessage = null;
    this.#node.disconnect();
    void this.context.close();
  }

  get stats(): PlayerStats {
    return {
      playedSamples: this.#report?.total ?? 0,
      queuedSamples: this.#report?.queued ?? 0,
      overflowSamples: this.#report?.overflow ?? 0,
      underruns: this.#report?.underruns ?? 0,
      clears: this.#clears,
      clearedAfterMs: this.#clearedAfterMs,
    };
  }

  #account(report: Report): void {
    this.#report = report;
    if (report.cleared !== null) this.#silenced(report);
    if (report.itemId !== null) this.onPlayed(report.itemId, this.#heardMs(report));
  }

  #silenced(report: Report): void {
    this.#clears += 1;
    this.#clearedAfterMs = Math.max(0, report.time - this.#clearedAt) * 1000;
  }

  /** What has left the loudspeaker: in the middle of an item, less what the device still holds. */
  #heardMs(report: Report): number {
    const held = report.drained ? 0 : this.context.outputLatency * 1000;
    return Math.max(0, Math.round(samplesToMs(report.samples) - held));
  }
}
