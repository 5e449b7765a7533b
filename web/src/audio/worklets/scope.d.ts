/** What TypeScript's libraries lack of AudioWorkletGlobalScope (Web Audio API, section 1.32). */

interface MessagePort {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown, transfer?: readonly ArrayBufferLike[]): void;
}

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

declare const sampleRate: number;
declare const currentTime: number;

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
