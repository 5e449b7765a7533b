import { fetchCredential } from "@/server/credential";
import { parseEvent, type ClientEvent, type ServerError, type ServerEvent } from "@/realtime/events";
import { Problem, problemOfClose } from "@/call/problem";

/** Audio that may wait for the network, bytes: one second of PCM16 at 24 kHz as base64. Older audio is of no use. */
const MAX_BUFFERED_BYTES = 64_000;
const OPEN_TIMEOUT_MS = 10_000;

export interface ConnectionHandlers {
  readonly onEvent: (event: ServerEvent) => void;
  /** Called once when an open session ends, and not after `close()`. */
  readonly onClosed: (problem: Problem) => void;
}

enum Phase {
  Opening,
  Open,
  Closed,
}

/** One Realtime session over one WebSocket. */
export class Connection {
  #phase = Phase.Opening;
  #lastError: ServerError | null = null;
  readonly #greeted = Promise.withResolvers<undefined>();

  private constructor(
    private readonly socket: WebSocket,
    private readonly handlers: ConnectionHandlers,
  ) {
    socket.addEventListener("message", this.#onMessage);
    socket.addEventListener("close", this.#onClose);
  }

  /**
   * Opens a session with a fresh credential, and waits for the server's greeting: a session that is refused after the
   * handshake was never open. `resumeToken` is that of a session to go on with, or "". Throws `Problem`; an abort closes
   * what was opened.
   */
  static async open(handlers: ConnectionHandlers, signal: AbortSignal, resumeToken: string): Promise<Connection> {
    const credential = await fetchCredential(signal);
    const protocols = ["realtime", `openai-insecure-api-key.${credential}`];
    if (resumeToken !== "") protocols.push(`voicechat-resume.${resumeToken}`);
    const socket = new WebSocket(realtimeUrl(window.location), protocols);
    const connection = new Connection(socket, handlers);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)]);
    const giveUp = (): void => {
      connection.#giveUp();
    };
    limit.addEventListener("abort", giveUp);
    if (limit.aborted) giveUp();
    await connection.#greeted.promise.finally(() => {
      limit.removeEventListener("abort", giveUp);
    });
    return connection;
  }

  /** Sends `event`; false when the connection is not open. */
  send(event: ClientEvent): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(event));
    return true;
  }

  /** Sends microphone audio; false when it was dropped because the network does not keep up. */
  sendAudio(base64: string): boolean {
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) return false;
    return this.send({ type: "input_audio_buffer.append", audio: base64 });
  }

  close(): void {
    this.#phase = Phase.Closed;
    this.socket.close(1000);
  }

  #giveUp(): void {
    this.close();
    this.#greeted.reject(new Problem("unreachable", "no answer in time"));
  }

  readonly #onMessage = (message: MessageEvent<unknown>): void => {
    const event = typeof message.data === "string" ? parseEvent(message.data) : null;
    if (event === null || this.#phase === Phase.Closed) return;
    if (event.type === "error") this.#lastError = event.error;
    if (event.type === "session.created") this.#greet();
    this.handlers.onEvent(event);
  };

  #greet(): void {
    this.#phase = Phase.Open;
    this.#greeted.resolve(undefined);
  }

  readonly #onClose = (event: CloseEvent): void => {
    const phase = this.#phase;
    this.#phase = Phase.Closed;
    const problem = problemOfClose(event.code, event.reason, this.#lastError);
    if (phase === Phase.Open) this.handlers.onClosed(problem);
    if (phase === Phase.Opening) this.#greeted.reject(neverOpen(problem));
  };
}

function realtimeUrl(location: Location): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/realtime`;
}

/** A connection that was never open was not lost. */
function neverOpen(problem: Problem): Problem {
  return problem.kind === "connection-lost" ? new Problem("unreachable", problem.message) : problem;
}
