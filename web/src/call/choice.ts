import type { Problem } from "@/call/problem";
import type { TransportKind } from "@/call/transport";
import { fetchDoor, type Door } from "@/server/door";

const UNENDING = new AbortController().signal;

/** What carries a call: what the address says, or "auto", a room where the server offers them. */
export class TransportChoice {
  #said: TransportKind | "auto" = "auto";
  #asked: Promise<Door | null> | null = null;

  constructor(private readonly ask: (signal: AbortSignal) => Promise<Door | null> = fetchDoor) {}

  /** Takes what the address says. Left to the server, it is asked at once, so that no click has to wait for it. */
  say(said: TransportKind | "auto"): void {
    this.#said = said;
    this.#asked = said === "auto" ? this.ask(UNENDING) : null;
  }

  /** What a call begins with. */
  async first(life: AbortSignal): Promise<TransportKind> {
    if (this.#said !== "auto") return this.#said;
    const door = (await this.#asked) ?? (await this.ask(life));
    return door?.rooms === true ? "rooms" : "websocket";
  }

  /** Whether the WebSocket may do where a room failed: it goes wherever the page itself came from. */
  fallsBack(from: TransportKind, problem: Problem): boolean {
    const isOfTheWay = problem.kind === "unreachable" || problem.kind === "rooms-off";
    return this.#said === "auto" && from === "rooms" && isOfTheWay;
  }
}
