export interface Device {
  readonly id: string;
  readonly label: string;
}

/** Microphones by name: empty until the person has allowed one, for browsers hide the names before. */
export async function listMicrophones(): Promise<readonly Device[]> {
  if (!("mediaDevices" in navigator)) return [];
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices
    .filter((device) => device.kind === "audioinput" && device.label !== "" && device.deviceId !== "default")
    .map((device) => ({ id: device.deviceId, label: device.label }));
}

/** Calls `onChange` when devices come or go; returns how to stop. */
export function watchDevices(onChange: () => void): () => void {
  if (!("mediaDevices" in navigator)) return () => undefined;
  navigator.mediaDevices.addEventListener("devicechange", onChange);
  return () => {
    navigator.mediaDevices.removeEventListener("devicechange", onChange);
  };
}
