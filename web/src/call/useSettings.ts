"use client";

import { useEffect, useState } from "react";

import type { Call } from "@/call/call";
import { keyInFragment, parseSettings, type PageSettings } from "@/call/settings";
import { keepKey } from "@/server/credential";

/** Applies what the address chooses: transport, voice and theme; takes a key out of its fragment. */
export function useSettings(call: Call): PageSettings {
  const [settings, setSettings] = useState(() => parseSettings(""));
  useEffect(() => {
    const chosen = parseSettings(window.location.search);
    takeKey();
    call.chooseTransport(chosen.transport);
    if (chosen.voice !== "") call.setVoice(chosen.voice);
    if (chosen.theme !== "system") document.documentElement.dataset["theme"] = chosen.theme;
    // eslint-disable-next-line react-hooks/set-state-in-effect -- The exported page knows no address until it is shown.
    setSettings(chosen);
  }, [call]);
  return settings;
}

/** The key of a pairing link moves from the address, where others may read it, to the tab. */
function takeKey(): void {
  const key = keyInFragment(window.location.hash);
  if (key === "") return;
  keepKey(key);
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
}
