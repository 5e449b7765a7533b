/** Frames of 20 ms that a new connection is told again: who had just begun to speak was not yet noticed. */
const OVERLAP_FRAMES = 20;
/** Frames that wait while there is no connection, 3 s; older ones are dropped. */
const WAITING_FRAMES = 150;

/** Sends a frame; false when it was dropped. */
export type SendFrame = (base64: string) => boolean;

/** Carries the microphone from one connection to the next without losing what is said between them. */
export class Uplink {
  #send: SendFrame | null = null;
  #sent: string[] = [];
  #waiting: string[] = [];

  /** Takes a frame; false when the network dropped it. */
  hear(base64: string): boolean {
    if (this.#send === null) {
      this.#waiting = [...this.#waiting, base64].slice(-WAITING_FRAMES);
      return true;
    }
    this.#sent = [...this.#sent, base64].slice(-OVERLAP_FRAMES);
    return this.#send(base64);
  }

  /** Keeps frames from now on. */
  hold(): void {
    this.#send = null;
  }

  /** Sends what was kept, behind the last that the connection before was sent, and from now on what is heard. */
  release(send: SendFrame): void {
    for (const base64 of [...this.#sent, ...this.#waiting]) send(base64);
    this.#waiting = [];
    this.#send = send;
  }

  /** Forgets everything: another call begins. */
  reset(): void {
    this.#send = null;
    this.#sent = [];
    this.#waiting = [];
  }
}
