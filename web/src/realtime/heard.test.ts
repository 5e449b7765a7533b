import { expect, test } from "vitest";

import { splitHeard } from "@/realtime/heard";

test("a reply is divided behind the words that were heard", () => {
  expect(splitHeard("One two three.", "One two")).toEqual({ heard: "One two", unheard: " three." });
});

test("white space does not count", () => {
  expect(splitHeard("One  two\nthree.", "One two")).toEqual({ heard: "One  two", unheard: "\nthree." });
});

test("words count where the heard text was written otherwise", () => {
  expect(splitHeard("It costs $5 today.", "it costs five")).toEqual({ heard: "It costs $5", unheard: " today." });
});

test("nothing heard leaves everything unheard", () => {
  expect(splitHeard("One two.", "")).toEqual({ heard: "", unheard: "One two." });
});

test("everything heard leaves nothing unheard", () => {
  expect(splitHeard("日本 🙂", "日本 🙂")).toEqual({ heard: "日本 🙂", unheard: "" });
});
