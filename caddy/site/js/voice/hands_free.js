// Hands-free: one WebSocket takes all that the microphone hears; the service decides when it is whose turn.

import * as api from "../api.js";
import { openMicrophone } from "../audio/microphone.js";
import { PcmPlayer } from "../audio/player.js";
import * as token from "../token.js";
import { StopWatch, caption } from "./captions.js";
import { Hesitation } from "./hesitation.js";
import { attemptsOf, degradation, enginesOf } from "../wording.js";
import { base64Of, bytesOf, kindOf } from "./realtime_events.js";

const RATE_HZ = 24_000;
const WITH_LIVE_CAPTIONS = { type: "session.update", session: { type: "realtime", audio: { input: { transcription: {} } } } };
const AWAY = "Hands-free talk is not available just now. Push to talk goes on working.";

export class HandsFree {
  /** As PushToTalk; `onClosed()`: it has ended by itself. */
  constructor(sessionId, { onState, onLevel, onProblem, onClosed }) {
    this._on = { onState, onLevel, onProblem, onClosed };
    this._sessionId = sessionId;
    this._captions = new Map();
    this._hesitation = new Hesitation();
  }

  async open() {
    this._on.onState("connecting");
    try {
      this._microphone = await openMicrophone({ sampleRateHz: RATE_HZ, onPiece: (piece) => this._hear(piece) });
    } catch (problem) {
      this._end(problem);
      return;
    }
    if (this._closed) this._microphone.close();
    else this._connect();
  }

  /** Barge-in by hand. */
  interrupt() {
    this._send({ type: "response.cancel" });
    this._silence();
  }

  close() {
    this._closed = true;
    this._silence();
    this._microphone?.close();
    this._socket?.close();
    this._on.onLevel(0);
  }

  _connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}/v1/realtime?session_id=${encodeURIComponent(this._sessionId)}`;
    this._socket = new WebSocket(address, ["bearer", token.current()]);
    this._socket.onmessage = ({ data }) => this._take(JSON.parse(data));
    this._socket.onclose = () => this._lost();
  }

  _hear({ level, rms, pcm }) {
    this._on.onLevel(level);
    this._hesitation.heard(rms, this._player);
    this._send({ type: "input_audio_buffer.append", audio: base64Of(pcm) });
  }

  _send(event) {
    if (this._socket?.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify(event));
  }

  _take(event) {
    REACTIONS[kindOf(event)]?.(this, event);
  }

  /** The player of the answer under way; made anew for each, since a stopped one stays silent. */
  _play(event) {
    if (event.response_id === this._cutResponse) return;
    if (!this._player) {
      this._player = new PcmPlayer(RATE_HZ);
      this._itemId = event.item_id;
      this._watch?.note("sound");
      this._on.onState("speaking");
    }
    this._responseId = event.response_id;
    this._player.push(bytesOf(event.delta));
  }

  /** The user speaks: we are silent at once, and say how much of us was heard. */
  _silence() {
    if (!this._player) return;
    const heardMs = Math.round(this._player.heardSeconds * 1000);
    const cut = this._player.playing;
    this._player.stop();
    this._player = null;
    this._cutResponse = this._responseId;
    if (cut) this._send({ type: "conversation.item.truncate", item_id: this._itemId, content_index: 0, audio_end_ms: heardMs });
  }

  _caption(event, speaker, text) {
    const known = this._captions.get(event.item_id) ?? { caption: caption(speaker), text: "" };
    known.text = text(known.text);
    known.caption.text(known.text);
    this._captions.set(event.item_id, known);
  }

  async _lost() {
    if (this._closed) return;
    const problem = this._begun ? new Error("The connection was lost.") : await whyNot();
    this._end(problem);
  }

  _end(problem) {
    this.close();
    this._on.onProblem(problem);
    this._on.onClosed();
  }

  /** The service's own figures take the place of ours; a sentence that was cut has no more to come. */
  async _answered({ metadata = {}, output = [] }) {
    this._watch?.told(metadata);
    const stoodIn = degradation("Spoken", enginesOf(metadata.spoken_by), attemptsOf(metadata.attempts));
    if (stoodIn) this._captions.get(output[0]?.id)?.caption.warn(stoodIn);
    const player = this._player;
    await player?.silent();
    if (this._player !== player || this._closed) return;
    this._player = null;
    this._on.onState("listening");
  }
}

const REACTIONS = {
  "session.created"(talk) {
    talk._begun = true;
    talk._send(WITH_LIVE_CAPTIONS);
    talk._on.onState("listening");
  },
  "input_audio_buffer.speech_started"(talk) {
    talk._hesitation.wasVoice();
    talk._silence();
    talk._on.onState("listening");
  },
  "input_audio_buffer.speech_stopped"(talk) {
    talk._watch = new StopWatch();
    talk._on.onState("understanding");
  },
  "conversation.item.input_audio_transcription.delta"(talk, event) {
    talk._caption(event, "you", (text) => text + event.delta);
  },
  "conversation.item.input_audio_transcription.completed"(talk, event) {
    talk._watch?.note("transcript");
    talk._caption(event, "you", () => event.transcript);
    talk._on.onState("thinking");
  },
  "response.output_audio_transcript.delta"(talk, event) {
    talk._watch?.note("token");
    talk._caption(event, "parley", (text) => text + event.delta);
  },
  "response.output_audio_transcript.done"(talk, event) {
    if (event.transcript) talk._caption(event, "parley", () => event.transcript);
  },
  "response.output_audio.delta"(talk, event) {
    talk._play(event);
  },
  "input_audio_buffer.cleared"(talk) {
    talk._on.onState("listening"); // a sound that was no speech
  },
  "conversation.item.input_audio_transcription.failed"(talk, { error }) {
    talk._on.onState("listening");
    talk._on.onProblem(new api.Problem({ detail: error.message }));
  },
  "response.done"(talk, { response }) {
    talk._answered(response);
  },
  error(talk, { error }) {
    talk._on.onProblem(new api.Problem({ detail: error.message }));
  },
};

/** A WebSocket that does not open gives no reason; a plain request to the same place may. */
async function whyNot() {
  try {
    await api.call("/v1/realtime");
  } catch (problem) {
    if (problem.status === 503 || problem.status === 0) return problem;
  }
  return new Error(AWAY);
}
