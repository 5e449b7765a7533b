// Prints the headers of the exported pages in DIRECTORY for Caddy; the API serves the page with the same ones. Caddy puts
// in where it runs which rooms the page connects to (ROOM_ORIGINS), and whose pages may show it (EMBEDDERS).
import { readFileSync } from "node:fs";
import { join } from "node:path";

const directory = process.argv[2];
if (directory === undefined) throw new Error("usage: csp-header.mjs DIRECTORY");

const { script } = JSON.parse(readFileSync(join(directory, "csp-hashes.json"), "utf8"));
const policy = [
  "default-src 'self'",
  ["script-src 'self' blob:", ...script.map((digest) => `'${digest}'`)].join(" "),
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "connect-src 'self' {$ROOM_ORIGINS}",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors {$EMBEDDERS:'none'}",
].join("; ");

const headers = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Content-Security-Policy": policy,
};
for (const [name, value] of Object.entries(headers)) console.log(`header ${name} "${value}"`);
