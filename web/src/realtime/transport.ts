import { Microphone } from "@/audio/microphone";
import { Player } from "@/audio/player";
import { retrying } from "@/call/backoff";
import { Counters } from "@/call/counters";
import { isTransient, type Problem } from "@/call/problem";
import { NO_FIGURES, type CallOptions, type Figures, type Transport, type TransportListener } from "@/call/transport";
import { Connection } from "@/realtime/connection";
import { isQuiet } from "@/realtime/conversation";
import { sessionUpdate, type ServerEvent } from "@/realtime/events";
import { Uplink } from "@/realtime/uplink";

/** How often the moment to leave a server that is about to end is looked for, ms. */
const LOOK_MS = 100;
/** How long the server may take to let a session go, ms. */
const ASK_AGAIN_MS = 2000;

/**
 * A call over the Realtime WebSocket: microphone, loudspeaker and connection, opened and closed together.
 *
 * `#life` ends with the call; whatever is still awaited by then is closed when it arrives.
 */
export class RealtimeTransport implements Transport {
  readonly kind = "websocket";
  readonly #life = new AbortController();
  readonly #counters = new Counters();
  readonly #uplink = new Uplink();
  #connection: Connection | null = null;
  #player: Player | null = null;
  #microphone: Microphone | null = null;
  #speakingItem: string | null = null;
  #voice = "";
  #muted = false;
  /** What a session is resumed with that its server asked to go on elsewhere. */
  #resumeToken = "";

  constructor(private readonly listener: TransportListener) {}

  get inputAnalyser(): AnalyserNode | null {
    return this.#microphone?.analyser ?? null;
  }

  get outputAnalyser(): AnalyserNode | null {
    return this.#player?.analyser ?? null;
  }

  get figures(): Figures {
    return { ...NO_FIGURES, ...this.#counters.values, ...this.#player?.stats };
  }

  async open({ deviceId, voice, muted, ready }: CallOptions): Promise<void> {
    this.#voice = voice;
    this.#muted = muted;
    await this.#openPlayer();
    if (deviceId !== null) await this.useMicrophone(deviceId);
    await ready();
    await this.#connect();
  }

  async useMicrophone(deviceId: string): Promise<void> {
    this.#dropMicrophone();
    const microphone = await Microphone.open(deviceId, {
      onFrame: (base64) => {
        this.#counters.countFrame(this.#uplink.hear(base64));
      },
      onEnded: () => {
        this.#dropMicrophone();
        this.listener.onUnplugged();
      },
    });
    if (this.#life.signal.aborted) microphone.close();
    this.#life.signal.throwIfAborted();
    microphone.muted = this.#muted;
    this.#microphone = microphone;
    this.listener.onMicrophone(microphone.deviceId);
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    if (this.#microphone !== null) this.#microphone.muted = muted;
  }

  write(text: string): boolean {
    const connection = this.#connection;
    if (connection === null) return false;
    this.#silence(connection);
    const content = [{ type: "input_text", text }] as const;
    connection.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    return connection.send({ type: "response.create" });
  }

  setVoice(voice: string): boolean {
    this.#voice = voice;
    this.#connection?.send(sessionUpdate(voice));
    return true;
  }

  wake(): void {
    this.#player?.resume();
    this.#microphone?.resume();
  }

  close(): void {
    this.#life.abort();
    this.#connection?.close();
    this.#connection = null;
    this.#player?.close();
    this.#player = null;
    this.#microphone?.close();
    this.#microphone = null;
  }

  async #openPlayer(): Promise<void> {
    const player = await Player.open((itemId, audioEndMs) => {
      this.#connection?.send({ type: "voicechat.played", item_id: itemId, audio_end_ms: audioEndMs });
    });
    if (this.#life.signal.aborted) player.close();
    this.#life.signal.throwIfAborted();
    this.#player = player;
  }

  async #connect(): Promise<void> {
    const life = this.#life.signal;
    const connection = await Connection.open(
      {
        onEvent: (event) => {
          this.#receive(event);
        },
        onClosed: (problem) => {
          void this.#lost(problem);
        },
      },
      life,
      this.#resumeToken,
    );
    if (life.aborted) connection.close();
    life.throwIfAborted();
    connection.send(sessionUpdate(this.#voice));
    this.#connection = connection;
    this.#resumeToken = "";
    this.#uplink.release((base64) => connection.sendAudio(base64));
    this.listener.onPhase("live");
  }

  async #lost(problem: Problem): Promise<void> {
    this.#connection = null;
    this.#speakingItem = null;
    this.#uplink.hold();
    this.#player?.reset();
    if (!isTransient(problem) && this.#resumeToken === "") {
      this.listener.onEnded(problem);
      return;
    }
    this.listener.onPhase("reconnecting");
    const failure = await this.#reconnect();
    if (failure !== null && !this.#life.signal.aborted) this.listener.onEnded(failure);
  }

  /** Tries until it works, ends, or is hopeless; null once connected. */
  async #reconnect(): Promise<Problem | null> {
    // A session that was left on purpose is awaited elsewhere, at once.
    return await retrying(() => this.#connect(), {
      atOnce: this.#resumeToken !== "",
      isWorthwhile: (problem) => isTransient(problem) || this.#resumeToken !== "",
      signal: this.#life.signal,
    });
  }

  #receive(event: ServerEvent): void {
    switch (event.type) {
      case "response.output_audio.delta":
        this.#speakingItem = event.item_id;
        this.#counters.countChunk(this.#player?.push(event.item_id, event.delta) ?? false);
        return;
      case "response.output_audio.done":
        this.#player?.end(event.item_id);
        return;
      case "voicechat.cleared":
        this.#player?.clear(event.item_id);
        return;
      case "voicechat.session.moved":
        this.#resumeToken = event.resume_token;
        void this.#leaveWhenQuiet();
        return;
      case "session.created":
      case "error":
        return;
      default:
        this.listener.onEvent(event);
    }
  }

  /** Goes on elsewhere, as the server has asked, once nothing is being said or heard. */
  async #leaveWhenQuiet(): Promise<void> {
    const connection = this.#connection;
    while (connection !== null && this.#connection === connection) {
      const isDue = isQuiet(this.listener.conversation()) && this.#player?.stats.queuedSamples === 0;
      if (isDue) {
        this.#uplink.hold();
        connection.send({ type: "voicechat.session.leave" });
      }
      await new Promise((resolve) => setTimeout(resolve, isDue ? ASK_AGAIN_MS : LOOK_MS));
    }
  }

  /** Stops the reply in progress: who writes has taken the turn. */
  #silence(connection: Connection): void {
    if (this.#speakingItem !== null) this.#player?.clear(this.#speakingItem);
    this.#speakingItem = null;
    if (this.listener.conversation().responseId !== null) connection.send({ type: "response.cancel" });
  }

  #dropMicrophone(): void {
    this.#microphone?.close();
    this.#microphone = null;
    this.listener.onMicrophone(null);
  }
}
