"use client";

import { useEffect, useState } from "react";

import { listMicrophones, watchDevices, type Device } from "@/audio/devices";

/** The microphones by name; read anew when devices change and when `openId` does, for permission reveals names. */
export function useMicrophones(openId: string | null): readonly Device[] {
  const [devices, setDevices] = useState<readonly Device[]>([]);
  useEffect(() => {
    let current = true;
    const refresh = (): void => {
      void listMicrophones().then((found) => {
        if (current) setDevices(found);
      });
    };
    refresh();
    const stop = watchDevices(refresh);
    return () => {
      current = false;
      stop();
    };
  }, [openId]);
  return devices;
}
