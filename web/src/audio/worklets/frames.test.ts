import { expect, test } from "vitest";

import { Frames } from "./frames.js";

test("a stream is cut into frames of one length", () => {
  const frames: Int16Array[] = [];
  const cutter = new Frames(4);
  const emit = (frame: Int16Array): void => void frames.push(frame);
  cutter.push(Float32Array.of(0, 1, -1), emit);
  cutter.push(Float32Array.of(0.5, 2, -2), emit);
  expect(frames).toEqual([Int16Array.of(0, 32767, -32767, 16384)]);
});
