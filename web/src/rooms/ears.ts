import type { LocalAudioTrack, RemoteAudioTrack } from "livekit-client";

/** Levels of what is sent and heard in a room, for the ring. LiveKit plays and captures; this only listens. */
export class Ears {
  readonly #context = new AudioContext();
  #input: Tap | null = null;
  #output: Tap | null = null;

  get input(): AnalyserNode | null {
    return this.#input?.analyser ?? null;
  }

  get output(): AnalyserNode | null {
    return this.#output?.analyser ?? null;
  }

  resume(): void {
    void this.#context.resume();
  }

  followMicrophone(track: LocalAudioTrack | null): void {
    this.#input?.source.disconnect();
    this.#input = track === null ? null : this.#tap(track.mediaStreamTrack);
  }

  followVoice(track: RemoteAudioTrack | null): void {
    this.#output?.source.disconnect();
    this.#output = track === null ? null : this.#tap(track.mediaStreamTrack);
  }

  close(): void {
    void this.#context.close();
  }

  #tap(track: MediaStreamTrack): Tap {
    this.resume();
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = new AnalyserNode(this.#context, { fftSize: 512, smoothingTimeConstant: 0.7 });
    source.connect(analyser);
    return { source, analyser };
  }
}

interface Tap {
  readonly source: MediaStreamAudioSourceNode;
  readonly analyser: AnalyserNode;
}
