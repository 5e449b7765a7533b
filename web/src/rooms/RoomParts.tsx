"use client";

import { RoomAudioRenderer, RoomContext, StartAudio, useConnectionQualityIndicator, useLocalParticipant } from "@livekit/components-react";
import type { Room } from "livekit-client";

import styles from "./RoomParts.module.css";

/** Plays what is said in the room; a browser that wants a gesture for it gets a button. */
export function RoomAudio({ room }: { readonly room: Room }) {
  return (
    <RoomContext.Provider value={room}>
      <RoomAudioRenderer />
      <StartAudio className={styles.start} label="Turn the sound on" />
    </RoomContext.Provider>
  );
}

/** How good LiveKit finds the connection, in a word. */
export function RoomQuality({ room }: { readonly room: Room }) {
  return (
    <RoomContext.Provider value={room}>
      <Quality />
    </RoomContext.Provider>
  );
}

function Quality() {
  const { localParticipant } = useLocalParticipant();
  const { quality } = useConnectionQualityIndicator({ participant: localParticipant });
  return <dd data-quality={quality}>{quality}</dd>;
}
