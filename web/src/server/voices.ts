import { keyHeaders } from "@/server/credential";

/** A voice that can speak now. */
export interface Voice {
  readonly id: string;
  readonly languages: readonly string[];
  readonly isDefault: boolean;
}

const TIMEOUT_MS = 10_000;

/** The voices that are installed; none where the server does not tell, as without a key that it asks for. */
export async function fetchVoices(signal: AbortSignal): Promise<readonly Voice[]> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch("/v1/voices", { headers: keyHeaders(), signal: limit });
    return response.ok ? parseVoices(await response.json()) : [];
  } catch {
    return [];
  }
}

/** Reads the answer of `/v1/voices`; what cannot speak is left out. */
export function parseVoices(value: unknown): readonly Voice[] {
  const data = fields(value)["data"];
  return Array.isArray(data) ? data.map(fields).filter(({ installed }) => installed === true).flatMap(asVoice) : [];
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asVoice({ id, languages, default: isDefault }: Readonly<Record<string, unknown>>): readonly Voice[] {
  if (typeof id !== "string") return [];
  const spoken = Array.isArray(languages) ? languages.filter((each) => typeof each === "string") : [];
  return [{ id, languages: spoken, isDefault: isDefault === true }];
}

/** The languages of `voices`, each once, in order. */
export function languagesOf(voices: readonly Voice[]): readonly string[] {
  return [...new Set(voices.flatMap(({ languages }) => languages.map(baseOf)))].sort();
}

/** The voices that speak `language`; all of them for "". */
export function speaking(voices: readonly Voice[], language: string): readonly Voice[] {
  return language === "" ? voices : voices.filter(({ languages }) => languages.some((each) => baseOf(each) === language));
}

/** "en" of "en-US" or "en_US". */
function baseOf(tag: string): string {
  return tag.split(/[-_]/u)[0]?.toLowerCase() ?? tag;
}

/** A language by its own name, as the browser knows it. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** A voice's name for people: "piper-en-us-joe-medium" is "Joe (en-US)", as far as its id tells. */
export function voiceName(id: string): string {
  const found = /^[a-z0-9]+-([a-z]{2})-([a-z]{2})-(.+?)(?:-(?:x_low|x-low|low|medium|high))?$/u.exec(id);
  if (found === null) return id;
  const [, language = "", region = "", name = ""] = found;
  const words = name.split(/[-_]/u).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join(" ")} (${language}-${region.toUpperCase()})`;
}
