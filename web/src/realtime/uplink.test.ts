import { expect, test } from "vitest";
import { Uplink } from "@/realtime/uplink";

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

test("what is heard between two connections is told the second, behind the end of what the first was told", () => {
  const uplink = new Uplink();
  const first: string[] = [];
  const second: string[] = [];
  uplink.release((frame) => first.push(frame) > 0);
  for (const frame of numbers(0, 50)) uplink.hear(frame);
  uplink.hold();
  for (const frame of numbers(50, 60)) uplink.hear(frame);
  uplink.release((frame) => second.push(frame) > 0);
  uplink.hear("60");

  expect(first).toEqual(numbers(0, 50));
  expect(second).toEqual(numbers(30, 61));
});

test("what waits is bounded", () => {
  const uplink = new Uplink();
  const sent: string[] = [];
  for (const frame of numbers(0, 1000)) uplink.hear(frame);
  uplink.release((frame) => sent.push(frame) > 0);

  expect(sent).toEqual(numbers(850, 1000));
});

test("another call begins with nothing of the one before", () => {
  const uplink = new Uplink();
  const sent: string[] = [];
  uplink.hear("old");
  uplink.reset();
  uplink.release((frame) => sent.push(frame) > 0);

  expect(sent).toEqual([]);
});
