"use client";

import { useEffect, useRef } from "react";

import type { Call } from "@/call/call";
import type { CallView } from "@/call/view";
import { drawRing, RingLevels } from "@/components/ring";

import styles from "./Orb.module.css";

const FRAME_MS = 33;
const BREATH_MS = 4000;
const STILL = "(prefers-reduced-motion: reduce)";

interface Props {
  readonly call: Call;
  readonly view: CallView;
}

/** The level ring: the person's voice, or the assistant's while it speaks. Decoration; `Status` has the words. */
export function Orb({ call, view }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = view.phase === "live" ? view.conversation.state : view.phase;
  const speaking = state === "speaking";

  useEffect(() => {
    const element = canvas.current;
    return element === null
      ? undefined
      : animate(element, () => (speaking ? call.outputAnalyser : call.inputAnalyser));
  }, [call, speaking, state]);

  return (
    <div className={styles.orb} data-state={state} aria-hidden="true">
      <canvas ref={canvas} className={styles.ring} />
      {view.phase !== "idle" && <div className={styles.core} />}
    </div>
  );
}

/** Draws until the returned function is called; once only for who wants no motion. */
function animate(canvas: HTMLCanvasElement, source: () => AnalyserNode | null): () => void {
  const levels = new RingLevels();
  if (window.matchMedia(STILL).matches) {
    paint(canvas, levels, 0);
    return () => undefined;
  }
  let painted = 0;
  let request = 0;
  const frame = (now: number): void => {
    request = requestAnimationFrame(frame);
    if (now - painted < FRAME_MS) return;
    painted = now;
    levels.follow(source());
    paint(canvas, levels, (1 + Math.sin((now / BREATH_MS) * 2 * Math.PI)) / 2);
  };
  request = requestAnimationFrame(frame);
  return () => {
    cancelAnimationFrame(request);
  };
}

function paint(canvas: HTMLCanvasElement, levels: RingLevels, breath: number): void {
  const context = canvas.getContext("2d");
  const size = canvas.clientWidth;
  if (context === null || size === 0) return;
  const pixels = Math.round(size * window.devicePixelRatio);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  context.setTransform(pixels / size, 0, 0, pixels / size, 0, 0);
  context.strokeStyle = getComputedStyle(canvas).color;
  drawRing(context, size, levels, breath);
}
