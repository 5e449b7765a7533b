"use client";

import { useEffect, useState } from "react";

import { fetchVoices, type Voice } from "@/server/voices";

/** The voices to choose from; asked for anew when `occasion` changes, as after a key was given. */
export function useVoices(occasion: unknown): readonly Voice[] {
  const [voices, setVoices] = useState<readonly Voice[]>([]);
  useEffect(() => {
    const life = new AbortController();
    void fetchVoices(life.signal).then((found) => {
      if (!life.signal.aborted) setVoices(found);
    });
    return () => {
      life.abort();
    };
  }, [occasion]);
  return voices;
}
