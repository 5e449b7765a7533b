import { expect, test } from "vitest";

import { decodePcm, encodePcm, samplesToMs } from "@/audio/pcm";

test("samples survive the wire", () => {
  const samples = Int16Array.from({ length: 40_000 }, (_, i) => ((i * 7919) % 65_536) - 32_768);
  expect(decodePcm(encodePcm(samples))).toEqual(samples);
});

test("an odd last byte is dropped", () => {
  expect(decodePcm(btoa("\x01\x00\x02"))).toEqual(Int16Array.of(1));
});

test("what is not base64 is refused", () => {
  expect(() => decodePcm("*")).toThrow();
});

test("24 samples are a millisecond", () => {
  expect(samplesToMs(2400)).toBe(100);
});
