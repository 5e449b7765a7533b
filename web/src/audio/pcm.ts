/** PCM16 of the protocol: 24 kHz, mono, little-endian, base64. */
export const PROTOCOL_RATE_HZ = 24_000;

const CHUNK = 0x8000;

/** Samples of a base64 delta; an odd last byte is dropped. Throws `DOMException` on what is not base64. */
export function decodePcm(base64: string): Int16Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length & ~1);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}

export function encodePcm(samples: Int16Array): string {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

export function samplesToMs(samples: number): number {
  return (samples * 1000) / PROTOCOL_RATE_HZ;
}
