// Writes csp-hashes.json beside the exported pages: the sha256 of each inline script, for `script-src`.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const INLINE_SCRIPT = /<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g;

const directory = process.argv[2];
if (directory === undefined) throw new Error("usage: csp-hashes.mjs DIRECTORY");

const pages = readdirSync(directory, { recursive: true }).filter((name) => name.endsWith(".html"));
const scripts = pages.flatMap((name) => Array.from(readFileSync(join(directory, name), "utf8").matchAll(INLINE_SCRIPT)));
const hashes = new Set(scripts.map(([, text]) => `sha256-${createHash("sha256").update(text).digest("base64")}`));

writeFileSync(join(directory, "csp-hashes.json"), `${JSON.stringify({ script: [...hashes].sort() }, null, 2)}\n`);
