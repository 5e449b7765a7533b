/** What the address chooses, for kiosks and demonstrations. */
export interface PageSettings {
  /** "auto": a room where the server offers them. */
  readonly transport: "auto" | "websocket" | "rooms";
  /** A voice's id; "" for the server's default. */
  readonly voice: string;
  /** Two letters; "" for any. */
  readonly language: string;
  readonly theme: "system" | "light" | "dark";
  /** Whether another page shows this one in a frame. */
  readonly embed: boolean;
  /** The origin of that page; "" for none, and then nothing is told to it. */
  readonly parentOrigin: string;
}

const TRANSPORTS = ["auto", "websocket", "rooms"] as const;
const THEMES = ["system", "light", "dark"] as const;

/** Reads the query of an address; whatever is not understood is left at its default. */
export function parseSettings(search: string): PageSettings {
  const query = new URLSearchParams(search);
  const embed = isOn(query.get("embed"));
  return {
    transport: oneOf(TRANSPORTS, query.get("transport")),
    voice: matching(/^[\w.-]{1,128}$/u, query.get("voice")),
    language: matching(/^[a-z]{2,3}$/u, query.get("language")),
    theme: oneOf(THEMES, query.get("theme")),
    embed,
    parentOrigin: embed ? originOf(query.get("origin")) : "",
  };
}

/** The key in an address's fragment, which browsers send to nobody; "" for none. */
export function keyInFragment(hash: string): string {
  return matching(/^vc-[\w-]{1,128}$/u, new URLSearchParams(hash.replace(/^#/u, "")).get("key"));
}

function oneOf<const Value extends string>(values: readonly [Value, ...Value[]], given: string | null): Value {
  return values.find((value) => value === given) ?? values[0];
}

function matching(pattern: RegExp, given: string | null): string {
  return given !== null && pattern.test(given) ? given : "";
}

function isOn(given: string | null): boolean {
  return given === "" || given === "1" || given === "true";
}

function originOf(given: string | null): string {
  if (given === null || !URL.canParse(given)) return "";
  const { origin } = new URL(given);
  return origin === "null" ? "" : origin;
}
