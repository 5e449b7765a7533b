import { Microphone } from "@/audio/microphone";
import { Player } from "@/audio/player";
import { CallStats } from "@/call/stats";
import { Store } from "@/call/store";
import { Uplink } from "@/call/uplink";
import { IDLE, type CallView } from "@/call/view";
import { reconnectDelayMs } from "@/realtime/backoff";
import { Connection } from "@/realtime/connection";
import { EMPTY, isQuiet, reconnected, reduce } from "@/realtime/conversation";
import { SESSION_UPDATE, type ServerEvent } from "@/realtime/events";
import { isTransient, Problem } from "@/realtime/problem";

/** How often the moment to leave a server that is about to end is looked for, ms. */
const LOOK_MS = 100;
/** How long the server may take to let a session go, ms. */
const ASK_AGAIN_MS = 2000;

/**
 * One person's call: microphone, loudspeaker and connection, opened and closed together.
 *
 * `#life` ends with the call; whatever an earlier life still awaits is closed when it arrives.
 */
export class Call {
  readonly store = new Store<CallView>(IDLE);
  readonly stats = new CallStats();
  #life: AbortController | null = null;
  #connection: Connection | null = null;
  #player: Player | null = null;
  #microphone: Microphone | null = null;
  #speakingItem: string | null = null;
  /** What a session is resumed with that its server asked to go on elsewhere. */
  #resumeToken = "";
  readonly #uplink = new Uplink();

  get inputAnalyser(): AnalyserNode | null {
    return this.#microphone?.analyser ?? null;
  }

  get outputAnalyser(): AnalyserNode | null {
    return this.#player?.analyser ?? null;
  }

  get player(): Player | null {
    return this.#player;
  }

  /** Begins a call by voice. */
  async talk(deviceId: string): Promise<void> {
    await this.#begin(async (life) => {
      await this.#openMicrophone(deviceId, life);
    });
  }

  /** Says `text` in writing; begins a call by text where there is none. */
  async write(text: string): Promise<void> {
    if (this.#life === null) await this.#begin();
    const connection = this.#connection;
    if (connection === null || this.store.value.phase !== "live") return;
    this.#silence(connection);
    const content = [{ type: "input_text", text }] as const;
    connection.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    connection.send({ type: "response.create" });
  }

  /** Opens a microphone in the middle of a call, or changes it. */
  async useMicrophone(deviceId: string): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    try {
      this.#dropMicrophone();
      await this.#openMicrophone(deviceId, life.signal);
    } catch (error) {
      if (!life.signal.aborted) this.store.update({ problem: asProblem(error) });
    }
  }

  setMuted(muted: boolean): void {
    if (this.#microphone !== null) this.#microphone.muted = muted;
    this.store.update({ muted });
  }

  end(): void {
    this.#finish(null);
  }

  dismissProblem(): void {
    this.store.update({ problem: null });
  }

  async #begin(prepare?: (life: AbortSignal) => Promise<void>): Promise<void> {
    this.#finish(null);
    const life = new AbortController();
    this.#life = life;
    this.store.update({ ...IDLE, phase: "connecting", conversation: EMPTY });
    try {
      await this.#openPlayer(life.signal);
      await prepare?.(life.signal);
      await this.#connect(life.signal);
    } catch (error) {
      if (!life.signal.aborted) this.#finish(asProblem(error));
    }
  }

  async #openPlayer(life: AbortSignal): Promise<void> {
    const player = await Player.open((itemId, audioEndMs) => {
      this.#connection?.send({ type: "voicechat.played", item_id: itemId, audio_end_ms: audioEndMs });
    });
    if (life.aborted) player.close();
    life.throwIfAborted();
    this.#player = player;
  }

  async #openMicrophone(deviceId: string, life: AbortSignal): Promise<void> {
    const microphone = await Microphone.open(deviceId, {
      onFrame: (base64) => {
        this.stats.countFrame(this.#uplink.hear(base64));
      },
      onEnded: () => {
        this.#dropMicrophone();
        this.store.update({ problem: new Problem("no-microphone") });
      },
    });
    if (life.aborted) microphone.close();
    life.throwIfAborted();
    microphone.muted = this.store.value.muted;
    this.#microphone = microphone;
    this.store.update({ microphoneId: microphone.deviceId, problem: null });
  }

  async #connect(life: AbortSignal): Promise<void> {
    const connection = await Connection.open(
      {
        onEvent: (event) => {
          this.#receive(event);
        },
        onClosed: (problem) => {
          void this.#lost(problem, life);
        },
      },
      life,
      this.#resumeToken,
    );
    if (life.aborted) connection.close();
    life.throwIfAborted();
    connection.send(SESSION_UPDATE);
    this.#connection = connection;
    this.#resumeToken = "";
    this.#uplink.release((base64) => connection.sendAudio(base64));
    this.store.update({ phase: "live", problem: null });
  }

  async #lost(problem: Problem, life: AbortSignal): Promise<void> {
    this.#connection = null;
    this.#uplink.hold();
    this.#player?.reset();
    if (!isTransient(problem) && this.#resumeToken === "") {
      this.#finish(problem);
      return;
    }
    this.store.update({ phase: "reconnecting", conversation: reconnected(this.store.value.conversation) });
    const failure = await this.#reconnect(life);
    if (failure !== null && !life.aborted) this.#finish(failure);
  }

  /** Tries until it works, ends, or is hopeless; null once connected. */
  async #reconnect(life: AbortSignal): Promise<Problem | null> {
    let problem = new Problem("connection-lost");
    // A session that was left on purpose is awaited elsewhere.
    for (let attempt = this.#resumeToken === "" ? 0 : -1; ; attempt += 1) {
      const delay = attempt < 0 ? 0 : reconnectDelayMs(attempt);
      if (delay === null) return problem;
      try {
        await pause(delay, life);
        await this.#connect(life);
        return null;
      } catch (error) {
        problem = asProblem(error);
        if (life.aborted || !(isTransient(problem) || this.#resumeToken !== "")) return problem;
      }
    }
  }

  #receive(event: ServerEvent): void {
    switch (event.type) {
      case "response.output_audio.delta":
        this.#speakingItem = event.item_id;
        this.stats.countChunk(this.#player?.push(event.item_id, event.delta) ?? false);
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
        this.#show(reduce(this.store.value.conversation, event));
    }
  }

  /** Goes on elsewhere, as the server has asked, once nothing is being said or heard. */
  async #leaveWhenQuiet(): Promise<void> {
    const connection = this.#connection;
    while (connection !== null && this.#connection === connection) {
      const isDue = isQuiet(this.store.value.conversation) && this.#player?.stats.queuedSamples === 0;
      if (isDue) {
        this.#uplink.hold();
        connection.send({ type: "voicechat.session.leave" });
      }
      await new Promise((resolve) => setTimeout(resolve, isDue ? ASK_AGAIN_MS : LOOK_MS));
    }
  }

  #show(conversation: CallView["conversation"]): void {
    if (conversation !== this.store.value.conversation) this.store.update({ conversation });
  }

  /** Stops the reply in progress: who writes has taken the turn. */
  #silence(connection: Connection): void {
    if (this.#speakingItem !== null) this.#player?.clear(this.#speakingItem);
    this.#speakingItem = null;
    if (this.store.value.conversation.responseId !== null) connection.send({ type: "response.cancel" });
  }

  #dropMicrophone(): void {
    this.#microphone?.close();
    this.#microphone = null;
    this.store.update({ microphoneId: null });
  }

  #finish(problem: Problem | null): void {
    this.#life?.abort();
    this.#life = null;
    this.#connection?.close();
    this.#connection = null;
    this.#player?.close();
    this.#player = null;
    this.#speakingItem = null;
    this.#resumeToken = "";
    this.#uplink.reset();
    this.#dropMicrophone();
    const conversation = { ...reconnected(this.store.value.conversation), latencies: [] };
    this.store.update({ ...IDLE, problem, conversation });
  }
}

function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem("unsupported", String(error));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Problem("connection-lost"));
    });
  });
}
