import { expect, test } from "vitest";

import { bars } from "@/components/waterfall";

test("stages are drawn in their order, from their begin, in share of the whole", () => {
  const turn = {
    responseId: "r1",
    stagesMs: { total: 800, tts: 200, llm: 200, asr: 200, endpoint: 400 },
    startsMs: { total: 0, tts: 600, llm: 400, asr: 0, endpoint: 0 },
  };
  expect(bars(turn).map(({ stage, startPercent, widthPercent }) => [stage, startPercent, widthPercent])).toEqual([
    ["endpoint", 0, 50],
    ["asr", 0, 25],
    ["llm", 50, 25],
    ["tts", 75, 25],
  ]);
});

test("a stage that is not told, or whose begin is not, is left out", () => {
  expect(bars({ responseId: "r1", stagesMs: { total: 800, llm: 200 }, startsMs: { endpoint: 0 } })).toEqual([]);
});

test("a stage that outlasts the total still fits", () => {
  const [bar] = bars({ responseId: "r1", stagesMs: { total: 100, asr: 400 }, startsMs: { asr: 0 } });
  expect(bar).toMatchObject({ words: "ears 400 ms", startPercent: 0, widthPercent: 100 });
});

test("a turn of no time divides by nothing", () => {
  const [bar] = bars({ responseId: "r1", stagesMs: { total: 0, asr: 0 }, startsMs: { asr: 0 } });
  expect(bar).toMatchObject({ startPercent: 0, widthPercent: 0 });
});
