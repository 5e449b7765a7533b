const FLOOR_DB = -60;

/** Root mean square of what `analyser` hears now, of full scale. */
export function rms(analyser: AnalyserNode): number {
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

/** A level from 0 (-60 dB and below) to 1 (full scale), even to the ear. */
export function loudness(level: number): number {
  return Math.max(0, 1 - (20 * Math.log10(Math.max(level, 1e-6))) / FLOOR_DB);
}
