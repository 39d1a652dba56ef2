// The WebSocket of one conversation: opened again whenever it breaks, for as long as it is wanted.

import * as token from "../token.js";

const BACKOFF_MS = [300, 1000, 2000, 4000, 8000];
const PING_EVERY_MS = 20_000;
const SILENCE_MS = 30_000; // with a ping every 20 s, a socket that says nothing for so long is dead
const UNAUTHORIZED = 3000;
const GIVEN_UP_AFTER = 2; // attempts that never opened: then REST has to do

export class Wire {
  /** `onFrame(frame)`; `onState`: "open", "waiting" (it will be opened again) or "unreachable" (it never opened). */
  constructor(sessionId, { onFrame, onState }) {
    this.sessionId = sessionId;
    this.state = "waiting";
    this._onFrame = onFrame;
    this._onState = onState;
    this._failures = 0;
    this._online = () => this._openNow();
    addEventListener("online", this._online);
    this._connect();
  }

  get isOpen() {
    return this.state === "open";
  }

  /** Whether it was sent; it may yet be lost: what matters is acknowledged. */
  send(frame) {
    if (!this.isOpen) return false;
    this._socket.send(JSON.stringify(frame));
    return true;
  }

  close() {
    this._closed = true;
    removeEventListener("online", this._online);
    clearTimeout(this._timer);
    clearInterval(this._pinging);
    this._socket?.close();
  }

  _connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}/ws/chat-service?session_id=${encodeURIComponent(this.sessionId)}`;
    this._socket = new WebSocket(address, ["bearer", token.current()]);
    const socket = this._socket;
    socket.onmessage = ({ data }) => socket === this._socket && this._take(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this._socket && this._lost(code);
  }

  _take(frame) {
    this._heardAt = Date.now();
    if (frame.type === "pong") return;
    if (frame.type === "ready") this._ready();
    this._onFrame(frame);
  }

  _ready() {
    this._failures = 0;
    clearInterval(this._pinging);
    this._pinging = setInterval(() => this._ping(), PING_EVERY_MS);
    this._turn("open");
  }

  _ping() {
    if (Date.now() - this._heardAt > SILENCE_MS) this._socket.close();
    else this.send({ type: "ping" });
  }

  _lost(code) {
    clearInterval(this._pinging);
    if (this._closed) return;
    if (code === UNAUTHORIZED) dispatchEvent(new Event("parley:refused"));
    const wait = BACKOFF_MS[Math.min(this._failures, BACKOFF_MS.length - 1)];
    this._failures += 1;
    this._turn(this._failures > GIVEN_UP_AFTER ? "unreachable" : "waiting");
    this._timer = setTimeout(() => this._connect(), wait * (0.75 + Math.random() / 2));
  }

  _openNow() {
    if (this.isOpen) return;
    clearTimeout(this._timer);
    this._connect();
  }

  _turn(state) {
    this.state = state;
    this._onState(state);
  }
}
