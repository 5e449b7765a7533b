import { expect, test } from "vitest";

import { Playlist } from "./playlist.js";

const RATE_HZ = 1000;
const QUANTUM = 10;

/** At 1 kHz a sample is a millisecond: playing starts with 40, and a fade has 5. */
function playlist(capacityS = 1): Playlist {
  return new Playlist(RATE_HZ, capacityS);
}

function ones(count: number): Float32Array {
  return new Float32Array(count).fill(1);
}

function pull(list: Playlist, count: number): number[] {
  const output: number[] = [];
  for (let taken = 0; taken < count; taken += QUANTUM) {
    const block = new Float32Array(Math.min(QUANTUM, count - taken));
    list.pull(block);
    output.push(...block);
  }
  return output;
}

test("samples play in order, once", () => {
  const list = playlist();
  list.push("a", Float32Array.from({ length: 60 }, (_, i) => i));
  expect(pull(list, 70)).toEqual([...Array.from({ length: 60 }, (_, i) => i), ...new Array<number>(10).fill(0)]);
});

test("each item's played samples are counted", () => {
  const list = playlist();
  list.push("a", ones(50));
  list.push("b", ones(50));
  pull(list, 70);
  expect(list.takeFinished()).toEqual([{ itemId: "a", samples: 50 }]);
  expect(list.played).toEqual({ itemId: "b", samples: 20 });
  expect(list.total).toBe(70);
});

test("little audio waits for more", () => {
  const list = playlist();
  list.push("a", ones(20));
  expect(pull(list, 10)).toEqual(new Array(10).fill(0));
  list.push("a", ones(20));
  expect(pull(list, 10)).toEqual(new Array(10).fill(1));
});

test("little audio does not wait for ever", () => {
  const list = playlist();
  list.push("a", ones(5));
  expect(pull(list, 60).filter((sample) => sample === 1)).toHaveLength(5);
});

test("clearing fades out within 5 ms and counts what sounded", () => {
  const list = playlist();
  list.push("a", ones(100));
  pull(list, 50);
  list.clear("a");
  const rest = pull(list, 50);
  expect(rest.slice(5)).toEqual(new Array(45).fill(0));
  expect(rest.slice(0, 5)).toEqual([...rest.slice(0, 5)].sort((a, b) => b - a));
  expect(list.played).toEqual({ itemId: "a", samples: 55 });
  expect(list.fading).toBe(false);
});

test("a cleared item takes no more audio", () => {
  const list = playlist();
  list.clear("a");
  list.push("a", ones(100));
  expect(pull(list, 100)).toEqual(new Array(100).fill(0));
});

test("clearing one item leaves the next", () => {
  const list = playlist();
  list.push("a", ones(60));
  pull(list, 20);
  list.push("b", new Float32Array(60).fill(0.5));
  list.clear("a");
  expect(pull(list, 65).slice(5)).toEqual(new Array(60).fill(0.5));
  expect(list.played).toEqual({ itemId: "b", samples: 60 });
});

test("a full ring refuses what does not fit, and says so", () => {
  const list = playlist(0.1);
  list.push("a", ones(130));
  expect(list.queued).toBe(100);
  expect(list.overflow).toBe(30);
});

test("the ring wraps", () => {
  const list = playlist(0.1);
  for (let round = 0; round < 5; round += 1) {
    list.push("a", Float32Array.from({ length: 70 }, (_, i) => i));
    expect(pull(list, 70)).toEqual(Array.from({ length: 70 }, (_, i) => i));
    pull(list, 10);
  }
});

test("running dry in the middle of an item is an underrun, at its end it is not", () => {
  const list = playlist();
  list.push("a", ones(50));
  pull(list, 60);
  expect(list.underruns).toBe(1);
  list.push("a", ones(50));
  list.end("a");
  pull(list, 60);
  expect(list.underruns).toBe(1);
});

test("a reset voids everything", () => {
  const list = playlist();
  list.push("a", ones(100));
  list.reset();
  expect(pull(list, 100)).toEqual(new Array(100).fill(0));
});
