"use client";

import { useEffect, useState, useSyncExternalStore } from "react";

import { Call } from "@/call/call";
import { exposeStats } from "@/call/stats";
import type { CallView } from "@/call/view";

/** The page's one call, and what there is to show of it. */
export function useCall(): readonly [Call, CallView] {
  const [call] = useState(() => new Call());
  const { subscribe, snapshot, initialSnapshot } = call.store;
  const view = useSyncExternalStore(subscribe, snapshot, initialSnapshot);
  useEffect(() => {
    exposeStats(call);
    return () => {
      call.end();
    };
  }, [call]);
  return [call, view];
}
