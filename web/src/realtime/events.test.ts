import { expect, test } from "vitest";

import { parseEvent } from "@/realtime/events";

test("an event is read", () => {
  expect(parseEvent('{"type":"session.created"}')).toEqual({ type: "session.created" });
});

test.each(["", "[", "null", "1", "{}", '{"type":1}'])("%j is no event", (frame) => {
  expect(parseEvent(frame)).toBeNull();
});
