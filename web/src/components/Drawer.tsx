"use client";

import { lazy, Suspense, useEffect, useState } from "react";

import type { Call } from "@/call/call";
import type { CallView } from "@/call/view";
import { DownloadIcon } from "@/components/icons";
import { qualityOf } from "@/components/quality";
import { download, transcriptText } from "@/components/transcriptFile";
import { Turns } from "@/components/Turns";
import { latencyWords } from "@/components/words";
import type { RoomTransport } from "@/rooms/transport";

import styles from "./Drawer.module.css";

const RoomQuality = lazy(async () => ({ default: (await import("@/rooms/RoomParts")).RoomQuality }));
const LOOK_MS = 1000;

interface Props {
  readonly call: Call;
  readonly view: CallView;
}

/** The last turn's latency in small print; opened, every turn's, the connection's quality, and the transcript. */
export function Drawer({ call, view }: Props) {
  const [open, setOpen] = useState(false);
  const { latencies, lines } = view.conversation;
  const last = latencies.at(-1);
  if (view.phase === "idle" && lines.length === 0) return null;
  return (
    <details className={styles.drawer} onToggle={(event) => { setOpen(event.currentTarget.open); }}>
      <summary>{last === undefined ? "Details" : latencyWords(last.stagesMs)}</summary>
      {open && (
        <div className={styles.body}>
          {latencies.length > 0 && <Turns latencies={latencies} />}
          {view.phase !== "idle" && <ConnectionFigures call={call} view={view} />}
          <button
            type="button"
            className={styles.download}
            disabled={lines.length === 0}
            onClick={() => { download("conversation.txt", transcriptText(lines)); }}
          >
            <DownloadIcon />
            Download transcript
          </button>
        </div>
      )}
    </details>
  );
}

function ConnectionFigures({ call, view }: Props) {
  return (
    <dl className={styles.figures} aria-label="Connection">
      <div>
        <dt>Carried by</dt>
        <dd>{view.transport === "rooms" ? "LiveKit room" : "WebSocket"}</dd>
      </div>
      {view.transport === "rooms" ? <OfRoom call={call} /> : <OfWebSocket call={call} />}
    </dl>
  );
}

function OfRoom({ call }: { readonly call: Call }) {
  const transport = call.transport as RoomTransport | null;
  return (
    <div>
      <dt>Connection</dt>
      <Suspense fallback={<dd>unknown</dd>}>{transport !== null && <RoomQuality room={transport.room} />}</Suspense>
    </div>
  );
}

function OfWebSocket({ call }: { readonly call: Call }) {
  const [quality, setQuality] = useState(() => qualityOf(call.figures));
  useEffect(() => {
    const timer = setInterval(() => { setQuality(qualityOf(call.figures)); }, LOOK_MS);
    return () => { clearInterval(timer); };
  }, [call]);
  return (
    <>
      <div>
        <dt>Connection</dt>
        <dd data-quality={quality.level}>{quality.level}</dd>
      </div>
      <div>
        <dt>Gaps in the reply</dt>
        <dd>{quality.gaps}</dd>
      </div>
      <div>
        <dt>Your words lost</dt>
        <dd>{quality.lostPercent.toFixed(1)} %</dd>
      </div>
    </>
  );
}
