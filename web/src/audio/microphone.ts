import { encodePcm, PROTOCOL_RATE_HZ } from "@/audio/pcm";
import { Problem, problemOfMicrophone } from "@/call/problem";

export interface MicrophoneHandlers {
  /** 20 ms of PCM16 at 24 kHz, base64. */
  readonly onFrame: (base64: string) => void;
  /** The device is gone. */
  readonly onEnded: () => void;
}

interface Source {
  readonly context: AudioContext;
  readonly node: MediaStreamAudioSourceNode;
}

/** The person's voice, with the browser's echo cancellation, noise suppression and gain control. */
export class Microphone {
  readonly analyser: AnalyserNode;

  private constructor(
    private readonly stream: MediaStream,
    private readonly source: Source,
    handlers: MicrophoneHandlers,
  ) {
    const { context, node } = source;
    const mono = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" } as const;
    const capture = new AudioWorkletNode(context, "capture", mono);
    capture.port.onmessage = ({ data }: MessageEvent<Int16Array>) => {
      handlers.onFrame(encodePcm(data));
    };
    this.analyser = new AnalyserNode(context, { fftSize: 512, smoothingTimeConstant: 0.7 });
    node.connect(this.analyser);
    node.connect(capture);
    this.#track?.addEventListener("ended", handlers.onEnded);
  }

  /** Opens the microphone `deviceId`, "" for the browser's choice. Throws `Problem`. */
  static async open(deviceId: string, handlers: MicrophoneHandlers): Promise<Microphone> {
    const stream = await request(deviceId);
    const source = sourceOf(stream);
    try {
      await Promise.all([source.context.resume(), source.context.audioWorklet.addModule("/worklets/capture.js")]);
      return new Microphone(stream, source, handlers);
    } catch (error) {
      stop(stream, source);
      throw new Problem("unsupported", String(error));
    }
  }

  /** The device in use, "" where the browser does not tell. */
  get deviceId(): string {
    return this.#track?.getSettings().deviceId ?? "";
  }

  /** A muted microphone sends silence, so that the server's clock goes on. */
  set muted(muted: boolean) {
    if (this.#track !== undefined) this.#track.enabled = !muted;
  }

  /** Goes on after the browser has stopped the clock. */
  resume(): void {
    void this.source.context.resume();
  }

  close(): void {
    stop(this.stream, this.source);
  }

  get #track(): MediaStreamTrack | undefined {
    return this.stream.getAudioTracks()[0];
  }
}

async function request(deviceId: string): Promise<MediaStream> {
  if (!window.isSecureContext) throw new Problem("insecure-context");
  if (!("mediaDevices" in navigator)) throw new Problem("unsupported");
  const processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  const device = deviceId === "" ? {} : { deviceId: { exact: deviceId } };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...processing, ...device } });
  } catch (error) {
    throw problemOfMicrophone(error);
  }
}

/** A context at the protocol's rate, or at the device's where the browser cannot convert; the worklet then does. */
function sourceOf(stream: MediaStream): Source {
  const context = new AudioContext({ sampleRate: PROTOCOL_RATE_HZ });
  try {
    return { context, node: context.createMediaStreamSource(stream) };
  } catch {
    void context.close();
    const native = new AudioContext();
    return { context: native, node: native.createMediaStreamSource(stream) };
  }
}

function stop(stream: MediaStream, source: Source): void {
  for (const track of stream.getTracks()) track.stop();
  source.node.disconnect();
  void source.context.close();
}
