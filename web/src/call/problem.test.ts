import { expect, test } from "vitest";

import { reconnectDelayMs, RECONNECT_DELAYS_MS } from "@/call/backoff";
import { isTransient, problemOfClose, problemOfMicrophone, problemOfStatus } from "@/call/problem";

test.each([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [429, "server-full"],
  [503, "server-full"],
  [500, "unreachable"],
])("HTTP %i is %s", (status, kind) => {
  expect(problemOfStatus(status)?.kind).toBe(kind);
});

test("a success is no problem", () => {
  expect(problemOfStatus(200)).toBeNull();
});

test.each([
  [1000, "session-ended"],
  [1006, "connection-lost"],
  [1008, "connection-lost"],
  [1011, "server-error"],
  [1013, "server-full"],
  [3000, "unauthorized"],
])("close code %i is %s", (code, kind) => {
  expect(problemOfClose(code, "", null).kind).toBe(kind);
});

test("an error that names capacity explains the close after it", () => {
  expect(problemOfClose(1000, "", { code: "rate_limit_exceeded", message: "" }).kind).toBe("server-full");
});

test.each([
  ["NotAllowedError", "permission-refused"],
  ["NotFoundError", "no-microphone"],
  ["NotReadableError", "microphone-busy"],
  ["TypeError", "unsupported"],
])("a microphone's %s is %s", (name, kind) => {
  expect(problemOfMicrophone(Object.assign(new Error(), { name })).kind).toBe(kind);
});

test("a full server is not asked again by itself, a lost one is", () => {
  expect(isTransient(problemOfClose(1013, "", null))).toBe(false);
  expect(isTransient(problemOfClose(1006, "", null))).toBe(true);
});

test("waits grow and end", () => {
  const waits = RECONNECT_DELAYS_MS.map((_, attempt) => reconnectDelayMs(attempt, () => 0));
  expect(waits).toEqual([...waits].sort((a, b) => Number(a) - Number(b)));
  expect(reconnectDelayMs(RECONNECT_DELAYS_MS.length)).toBeNull();
});
