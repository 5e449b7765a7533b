import { Frames } from "./frames.js";
import { Resampler } from "./resampler.js";

const PROTOCOL_RATE_HZ = 24_000;
const FRAME_SAMPLES = 480;

/** Posts the microphone as PCM16 frames of 20 ms at 24 kHz, whatever the context's rate. */
class CaptureProcessor extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(sampleRate, PROTOCOL_RATE_HZ);
  readonly #frames = new Frames(FRAME_SAMPLES);

  process(inputs: readonly (readonly Float32Array[])[]): boolean {
    const channel = inputs[0]?.[0];
    if (channel !== undefined) this.#frames.push(this.#resampler.push(channel), this.#post);
    return true;
  }

  readonly #post = (frame: Int16Array): void => {
    this.port.postMessage(frame, [frame.buffer]);
  };
}

registerProcessor("capture", CaptureProcessor);
