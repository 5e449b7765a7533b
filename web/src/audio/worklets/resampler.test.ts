import { expect, test } from "vitest";

import { Resampler } from "./resampler.js";

const SECOND_QUARTER = 0.25;

function tone(rateHz: number, frequencyHz: number): Float32Array {
  return Float32Array.from({ length: rateHz }, (_, i) => Math.sin((2 * Math.PI * frequencyHz * i) / rateHz));
}

function inQuanta(resampler: Resampler, input: Float32Array): Float32Array {
  const output: number[] = [];
  for (let at = 0; at < input.length; at += 128) output.push(...resampler.push(input.subarray(at, at + 128)));
  return Float32Array.from(output);
}

/** Root mean square of the middle of a second, away from the edges. */
function middleRms(samples: Float32Array, rateHz: number): number {
  const middle = samples.subarray(rateHz * SECOND_QUARTER, 3 * rateHz * SECOND_QUARTER);
  return Math.sqrt(middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length);
}

test("equal rates pass through untouched", () => {
  const input = tone(24_000, 440);
  expect(new Resampler(24_000, 24_000).push(input)).toBe(input);
});

test.each([
  [48_000, 24_000],
  [44_100, 24_000],
  [16_000, 24_000],
  [24_000, 48_000],
])("a tone keeps its level from %i to %i Hz", (fromHz, toHz) => {
  const output = inQuanta(new Resampler(fromHz, toHz), tone(fromHz, 1000));
  expect(middleRms(output, toHz)).toBeCloseTo(Math.SQRT1_2, 2);
});

test.each([
  [48_000, 24_000],
  [44_100, 24_000],
])("what the lower rate cannot hold is gone, from %i to %i Hz", (fromHz, toHz) => {
  const output = inQuanta(new Resampler(fromHz, toHz), tone(fromHz, 14_000));
  expect(middleRms(output, toHz)).toBeLessThan(1e-3);
});

test("a second stays a second, but for the delay", () => {
  const output = inQuanta(new Resampler(44_100, 24_000), tone(44_100, 1000));
  expect(output.length).toBeGreaterThan(24_000 - 60);
  expect(output.length).toBeLessThanOrEqual(24_000);
});

test("the pieces make no difference", () => {
  const input = tone(44_100, 1000);
  const whole = new Resampler(44_100, 24_000).push(input);
  const pieces = inQuanta(new Resampler(44_100, 24_000), input);
  const difference = pieces.map((sample, i) => Math.abs(sample - (whole[i] ?? 0)));
  expect(Math.max(...difference)).toBeLessThan(1e-5);
});
