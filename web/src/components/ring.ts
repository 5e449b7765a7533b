/** The level ring: ticks around a circle, as long as the spectrum is loud there. Pure drawing. */

const TICKS = 96;
/** Part of the spectrum that speech fills, of the analyser's bins. */
const SPEECH_SHARE = 0.5;
const INNER = 0.66;
const REACH = 0.28;
/** Of a tick's length; the rest is the loudness of all, so that a pure tone moves the whole ring. */
const BAND_SHARE = 0.6;
const ATTACK = 0.5;
const DECAY = 0.12;

/** Levels of the ticks, 0 to 1, that follow the spectrum: quickly up, slowly down. */
export class RingLevels {
  readonly ticks = new Float32Array(TICKS);
  #bins = new Uint8Array(0);

  /** Takes what `analyser` hears now; null lets the ring come to rest. */
  follow(analyser: AnalyserNode | null): void {
    if (analyser === null) this.#bins.fill(0);
    else this.#read(analyser);
    const half = TICKS / 2;
    const whole = (1 - BAND_SHARE) * this.#peak();
    for (let i = 0; i < TICKS; i += 1) {
      const target = whole + BAND_SHARE * this.#band(Math.abs(i - half) / half);
      const now = this.ticks[i] ?? 0;
      this.ticks[i] = now + (target - now) * (target > now ? ATTACK : DECAY);
    }
  }

  #read(analyser: AnalyserNode): void {
    if (this.#bins.length !== analyser.frequencyBinCount) this.#bins = new Uint8Array(analyser.frequencyBinCount);
    analyser.getByteFrequencyData(this.#bins);
  }

  #peak(): number {
    return this.#bins.reduce((peak, bin) => Math.max(peak, bin), 0) / 255;
  }

  /** `place` runs from 0, the lowest frequency, to 1. */
  #band(place: number): number {
    const bin = 1 + Math.floor(place * place * this.#bins.length * SPEECH_SHARE);
    const near = [bin - 2, bin - 1, bin, bin + 1, bin + 2].map((each) => this.#bins[each] ?? 0);
    return near.reduce((sum, level) => sum + level, 0) / near.length / 255;
  }
}

/** Draws the ring into a square canvas of `size` CSS pixels; `breath` from 0 to 1 moves it at rest. */
export function drawRing(context: CanvasRenderingContext2D, size: number, levels: RingLevels, breath: number): void {
  const radius = size / 2;
  context.clearRect(0, 0, size, size);
  context.lineWidth = Math.max(1.5, size / 110);
  context.lineCap = "round";
  const rest = 0.025 + 0.02 * breath;
  for (let i = 0; i < TICKS; i += 1) {
    const level = levels.ticks[i] ?? 0;
    const angle = (i / TICKS) * 2 * Math.PI + Math.PI / 2;
    const start = INNER * radius;
    const end = start + radius * (rest + REACH * level);
    context.globalAlpha = 0.35 + 0.65 * Math.min(1, level * 1.4);
    context.beginPath();
    context.moveTo(radius + start * Math.cos(angle), radius + start * Math.sin(angle));
    context.lineTo(radius + end * Math.cos(angle), radius + end * Math.sin(angle));
    context.stroke();
  }
}
