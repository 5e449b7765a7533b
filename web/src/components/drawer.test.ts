import { expect, test } from "vitest";

import { NO_FIGURES } from "@/call/transport";
import { qualityOf } from "@/components/quality";
import { transcriptText } from "@/components/transcriptFile";

test.each([
  [{ sentFrames: 1000, droppedFrames: 0, underruns: 0 }, "good"],
  [{ sentFrames: 990, droppedFrames: 10, underruns: 0 }, "fair"],
  [{ sentFrames: 900, droppedFrames: 100, underruns: 0 }, "poor"],
  [{ sentFrames: 1000, droppedFrames: 0, underruns: 1 }, "fair"],
  [{ sentFrames: 1000, droppedFrames: 0, underruns: 9, playedSamples: 24_000 * 60 * 20 }, "good"],
])("a connection with %o is %s", (figures, level) => {
  expect(qualityOf({ ...NO_FIGURES, ...figures }).level).toBe(level);
});

test("a transcript tells who said what, and what was not heard", () => {
  const text = transcriptText([
    { id: "1", role: "user", status: "final", text: "Hi", unheard: "" },
    { id: "2", role: "assistant", status: "cut", text: "Hello", unheard: " there." },
    { id: "3", role: "user", status: "partial", text: "", unheard: "" },
  ]);
  expect(text).toBe("You: Hi\n\nAssistant: Hello [not heard: there.]\n");
});
