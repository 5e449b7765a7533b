import { expect, test } from "vitest";

import { parseDoor, UNKNOWN_DOOR } from "@/server/door";
import { languagesOf, parseVoices, speaking, voiceName } from "@/server/voices";

const ANSWER = {
  data: [
    { id: "piper-en-us-joe-medium", languages: ["en-US"], installed: true, default: true },
    { id: "piper-de-de-thorsten-medium", languages: ["de_DE"], installed: true, default: false },
    { id: "piper-en-us-lessac-medium", languages: ["en-US"], installed: false, default: false },
    { id: 7, installed: true },
  ],
};

test("voices that cannot speak are not offered", () => {
  expect(parseVoices(ANSWER).map(({ id }) => id)).toEqual(["piper-en-us-joe-medium", "piper-de-de-thorsten-medium"]);
});

test("anything else is no voice", () => {
  expect([null, [], { data: 1 }, "x"].map(parseVoices)).toEqual([[], [], [], []]);
});

test("a language has its voices, whatever its region and spelling", () => {
  const voices = parseVoices(ANSWER);
  expect(languagesOf(voices)).toEqual(["de", "en"]);
  expect(speaking(voices, "de").map(({ id }) => id)).toEqual(["piper-de-de-thorsten-medium"]);
  expect(speaking(voices, "")).toHaveLength(2);
});

test.each([
  ["piper-en-us-joe-medium", "Joe (en-US)"],
  ["piper-en-gb-northern_english_male-medium", "Northern English Male (en-GB)"],
  ["kokoro-82m", "kokoro-82m"],
])("%s is shown as %s", (id, name) => {
  expect(voiceName(id)).toBe(name);
});

test("a door is read as far as it says something", () => {
  expect(parseDoor("")).toEqual(UNKNOWN_DOOR);
  expect(parseDoor({ status: "loading", progress: 7, rooms: true, key_required: true, full: 1 })).toEqual({
    status: "loading",
    progress: 1,
    rooms: true,
    keyRequired: true,
    full: false,
  });
});
