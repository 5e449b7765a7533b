"use client";

import { useEffect } from "react";

import type { Call } from "@/call/call";
import { messagesOf, parseCommand, type Command, type Message } from "@/embed/messages";

/**
 * Talks with the page of `origin` that shows this one in a frame; "" for nobody.
 *
 * Which pages may show it, the server says (`frame-ancestors`); what is told reaches `origin` only.
 */
export function useParent(call: Call, origin: string, obey: (command: Command) => void): void {
  useEffect(() => {
    if (origin === "" || window.parent === window) return;
    const tell = (message: Message): void => {
      const { type, ...rest } = message;
      window.parent.postMessage({ voicechat: type, ...rest }, origin);
    };
    let shown = call.store.value;
    const stop = call.store.subscribe(() => {
      const now = call.store.value;
      messagesOf(shown, now).forEach(tell);
      shown = now;
    });
    const hear = (event: MessageEvent<unknown>): void => {
      const command = event.source === window.parent && event.origin === origin ? parseCommand(event.data) : null;
      if (command !== null) obey(command);
    };
    addEventListener("message", hear);
    tell({ type: "ready" });
    return () => {
      stop();
      removeEventListener("message", hear);
    };
  }, [call, origin, obey]);
}
