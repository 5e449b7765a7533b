/** A reply's text, divided where the listener stopped hearing it. */
export interface Heard {
  readonly heard: string;
  readonly unheard: string;
}

/**
 * Divides `written` behind the words of `heard`.
 *
 * Where `heard` is not a beginning of `written` (the server may have normalised it), the same number of words counts.
 */
export function splitHeard(written: string, heard: string): Heard {
  const end = prefixEnd(written, heard) ?? wordsEnd(written, countWords(heard));
  return { heard: written.slice(0, end), unheard: written.slice(end) };
}

/** Where `heard` ends in `written`, ignoring white space; undefined if it is no beginning of it. */
function prefixEnd(written: string, heard: string): number | undefined {
  let at = 0;
  for (const char of heard.replace(/\s+/gu, "")) {
    while (/\s/u.test(written.charAt(at))) at += 1;
    if (!written.startsWith(char, at)) return undefined;
    at += char.length;
  }
  return at;
}

function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}

function wordsEnd(text: string, words: number): number {
  if (words === 0) return 0;
  const ends = Array.from(text.matchAll(/\S+/gu), (match) => match.index + match[0].length);
  return ends[Math.min(words, ends.length) - 1] ?? 0;
}
