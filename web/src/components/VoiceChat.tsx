"use client";

import { lazy, Suspense, useCallback, useState } from "react";

import { useCall } from "@/call/useCall";
import { useMicrophones } from "@/call/useMicrophones";
import { useSettings } from "@/call/useSettings";
import { useVoices } from "@/call/useVoices";
import { Composer } from "@/components/Composer";
import { Controls } from "@/components/Controls";
import { Drawer } from "@/components/Drawer";
import { MicrophoneSelect } from "@/components/MicrophoneSelect";
import { AsleepNotice, Notice } from "@/components/Notice";
import { Orb } from "@/components/Orb";
import { Status } from "@/components/Status";
import { TalkButton } from "@/components/TalkButton";
import { Transcript } from "@/components/Transcript";
import { VoiceSelect } from "@/components/VoiceSelect";
import type { Command } from "@/embed/messages";
import { useParent } from "@/embed/useParent";
import type { RoomTransport } from "@/rooms/transport";
import { keepKey } from "@/server/credential";

import styles from "./VoiceChat.module.css";

const RoomAudio = lazy(async () => ({ default: (await import("@/rooms/RoomParts")).RoomAudio }));

export function VoiceChat() {
  const [call, view] = useCall();
  const settings = useSettings(call);
  const [chosenId, setChosenId] = useState("");
  const [chosenLanguage, setLanguage] = useState<string | null>(null);
  const [called, setCalled] = useState(false);
  const [keys, setKeys] = useState(0);
  const microphones = useMicrophones(view.microphoneId);
  const voices = useVoices(`${String(keys)} ${view.phase === "live" ? "live" : ""}`);
  const inCall = view.phase !== "idle";
  const fresh = !inCall && view.conversation.lines.every((line) => line.text === "");

  const talk = useCallback((): void => {
    setCalled(true);
    void call.talk(chosenId);
  }, [call, chosenId]);
  const write = useCallback((text: string): void => {
    setCalled(true);
    void call.write(text);
  }, [call]);
  const obey = useCallback((command: Command): void => {
    switch (command.type) {
      case "talk":
        talk();
        return;
      case "end":
        call.end();
        return;
      case "say":
        write(command.text);
        return;
      case "mute":
        call.setMuted(command.muted);
        return;
      case "voice":
        call.setVoice(command.voice);
    }
  }, [call, talk, write]);
  useParent(call, settings.parentOrigin, obey);

  const tryKey = (key: string): void => {
    keepKey(key);
    setKeys(keys + 1);
    call.dismissProblem();
  };
  const chooseMicrophone = (id: string): void => {
    setChosenId(id);
    if (view.microphoneId !== null) void call.useMicrophone(id);
  };
  const chooseLanguage = (language: string): void => {
    setLanguage(language);
    call.setVoice("");
  };
  const dismiss = (): void => {
    call.dismissProblem();
  };

  return (
    <div className={styles.page} data-fresh={fresh} data-embed={settings.embed}>
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
        {view.problem !== null && <Notice problem={view.problem} onDismiss={dismiss} onKey={tryKey} />}
        {view.slept && <AsleepNotice onDismiss={dismiss} />}
        {view.transport === "rooms" && (
          <Suspense>
            <RoomAudio room={(call.transport as RoomTransport).room} />
          </Suspense>
        )}
        {!fresh && <Transcript lines={view.conversation.lines} />}
      </main>
      <footer className={styles.footer}>
        <div className={styles.bar}>
          <Composer disabled={inCall && view.phase !== "live"} onSend={write} />
          {inCall && <Controls call={call} view={view} chosenId={chosenId} />}
        </div>
        <div className={styles.smallPrint}>
          <MicrophoneSelect microphones={microphones} value={view.microphoneId ?? chosenId} onChoose={chooseMicrophone} />
          <VoiceSelect
            voices={voices}
            voice={view.voice}
            language={chosenLanguage ?? settings.language}
            fixed={inCall && view.transport === "rooms"}
            onVoice={(id) => { call.setVoice(id); }}
            onLanguage={chooseLanguage}
          />
          <Drawer call={call} view={view} />
        </div>
      </footer>
    </div>
  );
}
