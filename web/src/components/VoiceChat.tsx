"use client";

import { useState } from "react";

import { useCall } from "@/call/useCall";
import { useMicrophones } from "@/call/useMicrophones";
import { Composer } from "@/components/Composer";
import { Controls } from "@/components/Controls";
import { Latency } from "@/components/Latency";
import { MicrophoneSelect } from "@/components/MicrophoneSelect";
import { Notice } from "@/components/Notice";
import { Orb } from "@/components/Orb";
import { Status } from "@/components/Status";
import { TalkButton } from "@/components/TalkButton";
import { Transcript } from "@/components/Transcript";
import { keepKey } from "@/realtime/credential";

import styles from "./VoiceChat.module.css";

export function VoiceChat() {
  const [call, view] = useCall();
  const [chosenId, setChosenId] = useState("");
  const [called, setCalled] = useState(false);
  const microphones = useMicrophones(view.microphoneId);
  const inCall = view.phase !== "idle";
  const fresh = !inCall && view.conversation.lines.every((line) => line.text === "");

  const talk = (): void => {
    setCalled(true);
    void call.talk(chosenId);
  };
  const write = (text: string): void => {
    setCalled(true);
    void call.write(text);
  };
  const tryKey = (key: string): void => {
    keepKey(key);
    call.dismissProblem();
  };
  const chooseMicrophone = (id: string): void => {
    setChosenId(id);
    if (view.microphoneId !== null) void call.useMicrophone(id);
  };

  return (
    <div className={styles.page} data-fresh={fresh}>
      <header className={styles.header}>
        <h1 className={styles.name}>voicechat</h1>
        {fresh && <p className={styles.tagline}>Talk to it. Interrupt it. It runs on machines of your own.</p>}
      </header>
      <main className={styles.main}>
        <section className={styles.stage} data-in-call={inCall} aria-label="Call">
          <Orb call={call} view={view} />
          {!inCall && <TalkButton again={called} onTalk={talk} />}
        </section>
        <Status view={view} />
        {view.problem !== null && (
          <Notice problem={view.problem} onDismiss={() => { call.dismissProblem(); }} onKey={tryKey} />
        )}
        {!fresh && <Transcript lines={view.conversation.lines} />}
      </main>
      <footer className={styles.footer}>
        <div className={styles.bar}>
          <Composer
            disabled={view.phase === "connecting" || view.phase === "reconnecting"}
            onSend={write}
          />
          {inCall && <Controls call={call} view={view} chosenId={chosenId} />}
        </div>
        <div className={styles.smallPrint}>
          <MicrophoneSelect microphones={microphones} value={view.microphoneId ?? chosenId} onChoose={chooseMicrophone} />
          <Latency latencies={view.conversation.latencies} />
        </div>
      </footer>
    </div>
  );
}
