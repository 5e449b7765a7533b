import { expect, test } from "vitest";

import { keyInFragment, parseSettings } from "@/call/settings";

test("an address without settings leaves everything to the server", () => {
  expect(parseSettings("")).toEqual({
    transport: "auto",
    voice: "",
    language: "",
    theme: "system",
    embed: false,
    parentOrigin: "",
  });
});

test("an address chooses voice, language, transport and theme", () => {
  const settings = parseSettings("?voice=piper-de-de-thorsten-medium&language=de&transport=rooms&theme=dark");
  expect(settings).toMatchObject({
    voice: "piper-de-de-thorsten-medium",
    language: "de",
    transport: "rooms",
    theme: "dark",
  });
});

test("what is not understood is as if it were not there", () => {
  expect(parseSettings("?transport=pigeon&theme=<b>&voice=a b&language=klingon&origin=https://x.example")).toEqual(
    parseSettings(""),
  );
});

test("only a page that is embedded tells its parent, and only an origin", () => {
  expect(parseSettings("?embed=1&origin=https://x.example/path").parentOrigin).toBe("https://x.example");
  expect(parseSettings("?embed=1&origin=data:text/html,x").parentOrigin).toBe("");
});

test.each([
  ["#key=vc-0123456789ab-abc_DEF", "vc-0123456789ab-abc_DEF"],
  ["#key=<script>", ""],
  ["", ""],
])("the fragment %s holds the key '%s'", (hash, key) => {
  expect(keyInFragment(hash)).toBe(key);
});
