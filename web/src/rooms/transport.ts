import {
  ConnectionState,
  DisconnectReason,
  LocalAudioTrack,
  RemoteAudioTrack,
  Room,
  RoomEvent,
  Track,
  type LocalTrack,
  type Participant,
  type TextStreamReader,
} from "livekit-client";

import { Problem, problemOfMicrophone } from "@/call/problem";
import { NO_FIGURES, type CallOptions, type Figures, type Transport, type TransportListener } from "@/call/transport";
import { Ears } from "@/rooms/ears";
import { fetchTicket } from "@/rooms/ticket";
import { fromPacket, fromTyped, fromWords } from "@/rooms/translate";

const WORDS = "lk.transcription";
const EVENTS = "voicechat";
const CHAT = "lk.chat";
const AGENT_STATE = "lk.agent.state";
const REMARK = "voicechat.status";
/** How long the room may take to let one in, ms. */
const CONNECT_TIMEOUT_MS = 15_000;
/** How long the assistant may take to come, ms. */
const AGENT_TIMEOUT_MS = 20_000;

const PROCESSING = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

/** A call in a LiveKit room. Its sound is played by the `RoomAudio` component, which gets `room`. */
export class RoomTransport implements Transport {
  readonly kind = "rooms";
  readonly room = new Room({ audioCaptureDefaults: PROCESSING, stopLocalTrackOnUnpublish: true });
  readonly #life = new AbortController();
  readonly #ears = new Ears();
  #typed = 0;
  #captured: LocalAudioTrack | null = null;
  readonly #agentCame = Promise.withResolvers<undefined>();

  constructor(private readonly listener: TransportListener) {
    this.#follow();
  }

  get inputAnalyser(): AnalyserNode | null {
    return this.#ears.input;
  }

  get outputAnalyser(): AnalyserNode | null {
    return this.#ears.output;
  }

  /** LiveKit counts for itself, and tells how good the connection is. */
  get figures(): Figures {
    return NO_FIGURES;
  }

  async open({ deviceId, voice, muted, ready }: CallOptions): Promise<void> {
    // The browser asks for the microphone in the gesture that began the call, before anything takes time.
    if (deviceId !== null) await this.#capture(deviceId);
    await ready();
    const { url, token } = await fetchTicket(voice, this.#life.signal);
    await this.#enter(url, token);
    if (deviceId !== null) await this.#publish(muted);
    await this.#untilAgentCame();
    this.listener.onPhase("live");
  }

  async useMicrophone(deviceId: string): Promise<void> {
    if (this.#microphone !== null) {
      await this.room.switchActiveDevice("audioinput", deviceId === "" ? "default" : deviceId);
    } else {
      await this.#capture(deviceId);
      await this.#publish(false);
    }
    this.#microphoneChanged();
  }

  setMuted(muted: boolean): void {
    void (muted ? this.#microphone?.mute() : this.#microphone?.unmute());
  }

  write(text: string): boolean {
    if (this.room.state !== ConnectionState.Connected) return false;
    this.#typed += 1;
    this.listener.onEvent(fromTyped(`typed-${String(this.#typed)}`, text));
    void this.room.localParticipant.sendText(text, { topic: CHAT });
    return true;
  }

  /** The session of a room is in its token. */
  setVoice(): boolean {
    return false;
  }

  wake(): void {
    this.#ears.resume();
    void this.room.startAudio();
  }

  close(): void {
    this.#life.abort();
    this.#agentCame.reject(new Problem("connection-lost"));
    this.room.removeAllListeners();
    this.#captured?.stop();
    void this.room.disconnect();
    this.#ears.close();
  }

  // --- the microphone

  get #microphone(): LocalAudioTrack | null {
    const track = this.room.localParticipant.getTrackPublication(Track.Source.Microphone)?.track;
    return track instanceof LocalAudioTrack ? track : null;
  }

  async #capture(deviceId: string): Promise<void> {
    if (!window.isSecureContext) throw new Problem("insecure-context");
    if (!("mediaDevices" in navigator)) throw new Problem("unsupported");
    const device = deviceId === "" ? {} : { deviceId: { exact: deviceId } };
    const stream = await navigator.mediaDevices
      .getUserMedia({ audio: { ...PROCESSING, ...device } })
      .catch((error: unknown) => Promise.reject(problemOfMicrophone(error)));
    const [track] = stream.getAudioTracks();
    if (track === undefined) throw new Problem("no-microphone");
    this.#captured = new LocalAudioTrack(track, { ...PROCESSING, ...device }, false);
    if (this.#life.signal.aborted) this.#captured.stop();
    this.#life.signal.throwIfAborted();
    this.#microphoneChanged();
  }

  async #publish(muted: boolean): Promise<void> {
    if (this.#captured === null) return;
    if (muted) await this.#captured.mute();
    // The library's own types do not agree under exactOptionalPropertyTypes.
    await this.room.localParticipant.publishTrack(this.#captured as LocalTrack, { source: Track.Source.Microphone });
  }

  #microphoneChanged(): void {
    this.#ears.followMicrophone(this.#captured);
    this.listener.onMicrophone(this.#captured?.mediaStreamTrack.getSettings().deviceId ?? null);
  }

  readonly #unplugged = (): void => {
    this.#captured?.stop();
    this.#captured = null;
    this.#microphoneChanged();
    this.listener.onUnplugged();
  };

  // --- the room

  async #enter(url: string, token: string): Promise<void> {
    try {
      await this.room.connect(url, token, { websocketTimeout: CONNECT_TIMEOUT_MS, peerConnectionTimeout: CONNECT_TIMEOUT_MS });
    } catch (error) {
      throw new Problem("unreachable", String(error));
    }
    if (this.#life.signal.aborted) await this.room.disconnect();
    this.#life.signal.throwIfAborted();
    // Not before: a room that was never entered has no end.
    this.room.on(RoomEvent.Disconnected, (reason) => { this.listener.onEnded(problemOfEnd(reason)); });
    for (const participant of this.room.remoteParticipants.values()) this.#see(participant);
  }

  async #untilAgentCame(): Promise<void> {
    const timer = setTimeout(() => {
      this.#agentCame.reject(new Problem("server-full", "no assistant came into the room"));
    }, AGENT_TIMEOUT_MS);
    await this.#agentCame.promise.finally(() => { clearTimeout(timer); });
  }

  #follow(): void {
    // Nobody may be waiting for the agent when the call ends.
    this.#agentCame.promise.catch(() => undefined);
    this.room
      .on(RoomEvent.ParticipantConnected, (participant) => { this.#see(participant); })
      .on(RoomEvent.ParticipantAttributesChanged, (_, participant) => { this.#see(participant); })
      .on(RoomEvent.TrackSubscribed, (track) => {
        if (track instanceof RemoteAudioTrack) this.#ears.followVoice(track);
      })
      .on(RoomEvent.TrackUnsubscribed, () => { this.#ears.followVoice(null); })
      .on(RoomEvent.LocalTrackUnpublished, this.#unplugged)
      .on(RoomEvent.Reconnecting, () => { this.listener.onPhase("reconnecting"); })
      .on(RoomEvent.Reconnected, () => { this.listener.onPhase("live"); })
      .on(RoomEvent.DataReceived, (data, _participant, _kind, topic) => {
        if (topic === EVENTS) this.#tell(new TextDecoder().decode(data));
      });
    this.room.registerTextStreamHandler(WORDS, (reader, { identity }) => void this.#read(reader, identity));
  }

  #tell(packet: string): void {
    for (const event of fromPacket(packet)) this.listener.onEvent(event);
  }

  #see(participant: Participant): void {
    if (!participant.isAgent) return;
    const state = participant.attributes[AGENT_STATE];
    const remark = participant.attributes[REMARK] ?? "";
    this.listener.onRemark(remark);
    if (state === undefined || state === "initializing") return;
    if (state === "idle" && remark !== "") this.#agentCame.reject(new Problem("refused", remark));
    else this.#agentCame.resolve(undefined);
  }

  async #read(reader: TextStreamReader, identity: string): Promise<void> {
    const attributes = reader.info.attributes ?? {};
    const place = {
      segment: attributes["lk.segment_id"] ?? reader.info.id,
      isPerson: identity === this.room.localParticipant.identity,
      isFinal: attributes["lk.transcription_final"] === "true",
    };
    let text = "";
    for await (const delta of reader) {
      text += delta;
      if (!place.isFinal) this.#hear({ ...place, delta, text });
    }
    if (place.isFinal) this.#hear({ ...place, delta: text, text });
  }

  #hear(words: Parameters<typeof fromWords>[0]): void {
    if (this.#life.signal.aborted) return;
    for (const event of fromWords(words)) this.listener.onEvent(event);
  }
}

function problemOfEnd(reason: DisconnectReason | undefined): Problem {
  switch (reason) {
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
    case DisconnectReason.PARTICIPANT_REMOVED:
      return new Problem("session-ended");
    default:
      return new Problem("connection-lost");
  }
}
