/** Zero crossings of the kernel on each side, at the lower of both rates: -80 dB of aliasing above 0.45 of that rate. */
const CROSSINGS = 24;
const PHASES = 256;
/** Of the lower rate's Nyquist frequency. */
const CUTOFF = 0.9;
const KAISER_BETA = 8;

/**
 * A streaming resampler between any two rates: windowed sinc, phases interpolated linearly (J. O. Smith, "Digital Audio
 * Resampling"). Its delay is `CROSSINGS` samples of the lower rate. Equal rates pass through untouched.
 */
export class Resampler {
  readonly #step: number;
  readonly #half: number;
  readonly #kernel: Float32Array;
  #history: Float32Array;
  /** Place of the next output in `#history`, input samples. */
  #position: number;

  constructor(
    readonly fromHz: number,
    readonly toHz: number,
  ) {
    const scale = Math.min(1, toHz / fromHz) * CUTOFF;
    this.#step = fromHz / toHz;
    this.#half = Math.ceil(CROSSINGS / scale);
    this.#kernel = kernel(this.#half, scale);
    this.#history = new Float32Array(this.#half);
    this.#position = this.#half;
  }

  /** The output that `input` completes. */
  push(input: Float32Array): Float32Array {
    if (this.fromHz === this.toHz) return input;
    const samples = concat(this.#history, input);
    const last = samples.length - this.#half - 1;
    const output = new Float32Array(Math.max(0, Math.floor((last - this.#position) / this.#step) + 1));
    for (let i = 0; i < output.length; i += 1) {
      output[i] = this.#at(samples, this.#position);
      this.#position += this.#step;
    }
    this.#keep(samples);
    return output;
  }

  #at(samples: Float32Array, position: number): number {
    const first = Math.ceil(position - this.#half);
    const end = Math.floor(position + this.#half);
    let sum = 0;
    for (let i = first; i <= end; i += 1) sum += (samples[i] ?? 0) * this.#weight(Math.abs(position - i));
    return sum;
  }

  #weight(distance: number): number {
    const place = distance * PHASES;
    const index = Math.floor(place);
    const near = this.#kernel[index] ?? 0;
    const far = this.#kernel[index + 1] ?? 0;
    return near + (far - near) * (place - index);
  }

  #keep(samples: Float32Array): void {
    const from = Math.max(0, Math.floor(this.#position) - this.#half);
    this.#history = samples.slice(from);
    this.#position -= from;
  }
}

/** The right half of the kernel, `PHASES` values a sample; its samples sum to one. */
function kernel(half: number, scale: number): Float32Array {
  const values = new Float32Array(half * PHASES + 2);
  for (let i = 0; i < half * PHASES; i += 1) {
    const x = i / PHASES;
    values[i] = scale * sinc(x * scale) * kaiser(x / half);
  }
  return values;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return bessel(KAISER_BETA * Math.sqrt(Math.max(0, 1 - x * x))) / bessel(KAISER_BETA);
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-9; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function concat(a: Float32Array, b: Float32Array): Float32Array {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
