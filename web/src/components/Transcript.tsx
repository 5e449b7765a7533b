"use client";

import { useEffect, useRef } from "react";

import type { Line } from "@/realtime/conversation";

import styles from "./Transcript.module.css";

/** How far from its end, px, the transcript still follows new words. */
const FOLLOW_PX = 80;

export function Transcript({ lines }: { readonly lines: readonly Line[] }) {
  const log = useRef<HTMLDivElement>(null);
  const following = useRef(true);

  useEffect(() => {
    if (following.current) toEnd(log.current);
  }, [lines]);

  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (following.current) toEnd(log.current);
    });
    if (log.current !== null) observer.observe(log.current);
    return () => {
      observer.disconnect();
    };
  }, []);

  const onScroll = (): void => {
    const element = log.current;
    if (element === null) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOW_PX;
  };

  return (
    <div ref={log} className={styles.log} role="log" aria-label="Conversation" tabIndex={0} onScroll={onScroll}>
      {lines.map((line) => (line.text === "" && line.unheard === "" ? null : <Words key={line.id} line={line} />))}
    </div>
  );
}

function toEnd(element: HTMLElement | null): void {
  if (element !== null) element.scrollTop = element.scrollHeight;
}

function Words({ line }: { readonly line: Line }) {
  return (
    <p className={styles.line} dir="auto" data-role={line.role} data-status={line.status}>
      {/* Isolated, so that the words alone decide the direction. */}
      <bdi className="visually-hidden">{line.role === "user" ? "You: " : "Assistant: "}</bdi>
      {line.text}
      {line.unheard !== "" && <Unheard text={line.unheard} />}
    </p>
  );
}

/** The white space before the first word is not struck through. */
function Unheard({ text }: { readonly text: string }) {
  const words = text.trimStart();
  return (
    <>
      {text.slice(0, text.length - words.length)}
      <del className={styles.unheard}>
        <bdi className="visually-hidden">not heard: </bdi>
        {words}
      </del>
    </>
  );
}
