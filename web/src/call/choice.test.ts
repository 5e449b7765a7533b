import { expect, test } from "vitest";

import { TransportChoice } from "@/call/choice";
import { Problem } from "@/call/problem";
import { UNKNOWN_DOOR, type Door } from "@/server/door";

const LIFE = new AbortController().signal;

function choice(...doors: readonly (Door | null)[]): TransportChoice {
  const answers = [...doors];
  return new TransportChoice(() => Promise.resolve(answers.shift() ?? null));
}

test.each([
  [true, "rooms"],
  [false, "websocket"],
] as const)("where rooms are offered is %s, a call begins over %s", async (rooms, kind) => {
  const chosen = choice({ ...UNKNOWN_DOOR, rooms });
  chosen.say("auto");
  expect(await chosen.first(LIFE)).toBe(kind);
});

test("a server that did not answer when the page was opened is asked again by the call", async () => {
  const chosen = choice(null, { ...UNKNOWN_DOOR, rooms: true });
  chosen.say("auto");
  expect(await chosen.first(LIFE)).toBe("rooms");
});

test("what the address says is not asked for", async () => {
  const chosen = choice({ ...UNKNOWN_DOOR, rooms: true });
  chosen.say("websocket");
  expect(await chosen.first(LIFE)).toBe("websocket");
});

test("a room that cannot be reached is replaced by the WebSocket, unless the address wants it", () => {
  const chosen = choice();
  chosen.say("auto");
  expect(chosen.fallsBack("rooms", new Problem("unreachable"))).toBe(true);
  expect(chosen.fallsBack("rooms", new Problem("permission-refused"))).toBe(false);
  expect(chosen.fallsBack("websocket", new Problem("unreachable"))).toBe(false);
  chosen.say("rooms");
  expect(chosen.fallsBack("rooms", new Problem("unreachable"))).toBe(false);
});
