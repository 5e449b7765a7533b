import { pause } from "@/call/backoff";
import { TransportChoice } from "@/call/choice";
import { asProblem, Problem } from "@/call/problem";
import { watchSleep } from "@/call/sleep";
import { Store } from "@/call/store";
import { NO_FIGURES, type Figures, type Transport, type TransportKind, type TransportListener } from "@/call/transport";
import { IDLE, type CallView } from "@/call/view";
import { reconnected, reduce } from "@/realtime/conversation";
import { RealtimeTransport } from "@/realtime/transport";
import { fetchDoor } from "@/server/door";

/** How often a server that loads is asked how far it is, ms. */
const LOADING_LOOK_MS = 700;

/** One person's call, over whichever transport: begins it, shows what happens, and ends it. */
export class Call {
  readonly store = new Store<CallView>(IDLE);
  #life: AbortController | null = null;
  #transport: Transport | null = null;
  readonly #choice = new TransportChoice();

  get transport(): Transport | null {
    return this.#transport;
  }

  get inputAnalyser(): AnalyserNode | null {
    return this.#transport?.inputAnalyser ?? null;
  }

  get outputAnalyser(): AnalyserNode | null {
    return this.#transport?.outputAnalyser ?? null;
  }

  get figures(): Figures {
    return this.#transport?.figures ?? NO_FIGURES;
  }

  /** Says what carries the calls to come; what it takes is loaded ahead of them. */
  chooseTransport(said: TransportKind | "auto"): void {
    this.#choice.say(said);
    const looking = new AbortController().signal;
    void this.#choice.first(looking).then(loadTransport).catch(() => undefined);
  }

  /** Begins a call by voice. */
  async talk(deviceId: string): Promise<void> {
    await this.#begin(deviceId);
  }

  /** Says `text` in writing; begins a call by text where there is none. */
  async write(text: string): Promise<void> {
    if (this.#life === null) await this.#begin(null);
    if (this.store.value.phase === "live") this.#transport?.write(text);
  }

  /** Opens a microphone in the middle of a call, or changes it. */
  async useMicrophone(deviceId: string): Promise<void> {
    const life = this.#life?.signal;
    try {
      await this.#transport?.useMicrophone(deviceId);
      this.store.update({ problem: null });
    } catch (error) {
      if (life?.aborted === false) this.store.update({ problem: asProblem(error) });
    }
  }

  setMuted(muted: boolean): void {
    this.#transport?.setMuted(muted);
    this.store.update({ muted });
  }

  /** Speaks with `voice` ("" for the server's default) from the next reply on, where the transport can. */
  setVoice(voice: string): void {
    this.store.update({ voice });
    this.#transport?.setVoice(voice);
  }

  end(): void {
    this.#finish(null);
  }

  dismissProblem(): void {
    this.store.update({ problem: null, slept: false });
  }

  async #begin(deviceId: string | null): Promise<void> {
    this.#finish(null);
    const life = new AbortController();
    this.#life = life;
    this.store.update({ ...IDLE, phase: "connecting", voice: this.store.value.voice });
    try {
      await this.#openEither(deviceId, life.signal);
    } catch (error) {
      if (!life.signal.aborted) this.#finish(asProblem(error));
    }
  }

  async #openEither(deviceId: string | null, life: AbortSignal): Promise<void> {
    watchSleep(() => { this.#woke(); }, life);
    const kind = await this.#choice.first(life);
    try {
      await this.#open(kind, deviceId, life);
    } catch (error) {
      if (life.aborted || !this.#choice.fallsBack(kind, asProblem(error))) throw error;
      this.#transport?.close();
      await this.#open("websocket", deviceId, life);
    }
  }

  async #open(kind: TransportKind, deviceId: string | null, life: AbortSignal): Promise<void> {
    const make = await loadTransport(kind);
    life.throwIfAborted();
    const transport = new make(this.#listener(life));
    this.#transport = transport;
    this.store.update({ transport: kind });
    const { voice } = this.store.value;
    await transport.open({ deviceId, voice, muted: false, ready: () => this.#untilServing(life) });
  }

  async #untilServing(life: AbortSignal): Promise<void> {
    for (;;) {
      const door = await fetchDoor(life);
      life.throwIfAborted();
      if (door?.status === "draining") throw new Problem("draining");
      if (door?.status !== "loading") break;
      this.store.update({ phase: "loading", progress: door.progress });
      await pause(LOADING_LOOK_MS, life);
    }
    this.store.update({ phase: "connecting", progress: 1 });
  }

  #listener(life: AbortSignal): TransportListener {
    const update = (change: Partial<CallView>): void => {
      if (!life.aborted) this.store.update(change);
    };
    return {
      conversation: () => this.store.value.conversation,
      onEvent: (event) => {
        const shown = this.store.value.conversation;
        const conversation = reduce(shown, event);
        if (conversation !== shown) update({ conversation });
      },
      onPhase: (phase) => {
        const { conversation } = this.store.value;
        update(phase === "live" ? { phase, problem: null } : { phase, conversation: reconnected(conversation) });
      },
      onMicrophone: (microphoneId) => { update({ microphoneId }); },
      onUnplugged: () => { update({ problem: new Problem("microphone-unplugged") }); },
      onRemark: (remark) => { update({ remark }); },
      onEnded: (problem) => {
        if (!life.aborted) this.#finish(problem);
      },
    };
  }

  #woke(): void {
    this.#transport?.wake();
    this.store.update({ slept: true });
  }

  #finish(problem: Problem | null): void {
    this.#life?.abort();
    this.#life = null;
    this.#transport?.close();
    this.#transport = null;
    const { conversation, voice } = this.store.value;
    this.store.update({ ...IDLE, problem, voice, conversation: { ...reconnected(conversation), latencies: [] } });
  }
}

/** The code for rooms comes only where a room is used. */
async function loadTransport(kind: TransportKind): Promise<new (listener: TransportListener) => Transport> {
  return kind === "rooms" ? (await import("@/rooms/transport")).RoomTransport : RealtimeTransport;
}
