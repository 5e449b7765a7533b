import { Playlist, type Played } from "./playlist.js";
import { Resampler } from "./resampler.js";

const PROTOCOL_RATE_HZ = 24_000;
const CAPACITY_S = 60;
const REPORT_S = 0.1;

type Command =
  | { readonly type: "push"; readonly itemId: string; readonly pcm: Int16Array }
  | { readonly type: "clear"; readonly itemId: string }
  | { readonly type: "end"; readonly itemId: string }
  | { readonly type: "reset" };

/** Plays items of PCM16 at 24 kHz, and reports each 100 ms, and at each end, how much of which was played. */
class PlayoutProcessor extends AudioWorkletProcessor {
  readonly #playlist = new Playlist(sampleRate, CAPACITY_S);
  readonly #resampler = new Resampler(PROTOCOL_RATE_HZ, sampleRate);
  #reportAt = 0;
  #reported = 0;
  #clearing: string | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.#obey(data as Command);
    };
  }

  process(_inputs: unknown, outputs: readonly (readonly Float32Array[])[]): boolean {
    const [left, ...others] = outputs[0] ?? [];
    if (left === undefined) return true;
    this.#playlist.pull(left);
    for (const channel of others) channel.set(left);
    this.#reportWhenDue();
    return true;
  }

  #obey(command: Command): void {
    if (command.type === "push") this.#push(command.itemId, command.pcm);
    if (command.type === "end") this.#playlist.end(command.itemId);
    if (command.type === "reset") this.#playlist.reset();
    if (command.type === "clear") {
      this.#playlist.clear(command.itemId);
      this.#clearing = command.itemId;
    }
  }

  #push(itemId: string, pcm: Int16Array): void {
    const samples = Float32Array.from(pcm, (value) => value / 32768);
    this.#playlist.push(itemId, this.#resampler.push(samples));
  }

  #reportWhenDue(): void {
    for (const finished of this.#playlist.takeFinished()) this.#post(finished, true, null);
    const silenced = this.#clearing !== null && !this.#playlist.fading;
    const drained = this.#playlist.queued === 0;
    const news = this.#playlist.total !== this.#reported;
    if (!silenced && !(news && (drained || currentTime >= this.#reportAt))) return;
    this.#reportAt = currentTime + REPORT_S;
    this.#reported = this.#playlist.total;
    this.#post(this.#playlist.played, drained, silenced ? this.#clearing : null);
    if (silenced) this.#clearing = null;
  }

  #post(played: Played | null, drained: boolean, cleared: string | null): void {
    const scale = PROTOCOL_RATE_HZ / sampleRate;
    const { total, queued, overflow, underruns } = this.#playlist;
    this.port.postMessage({
      itemId: played?.itemId ?? null,
      samples: Math.round((played?.samples ?? 0) * scale),
      total: Math.round(total * scale),
      queued: Math.round(queued * scale),
      overflow: Math.round(overflow * scale),
      underruns,
      drained,
      cleared,
      time: currentTime,
    });
  }
}

registerProcessor("playout", PlayoutProcessor);
