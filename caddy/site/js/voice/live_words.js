// The words while the button is still held, by live recognition. Where its socket does not open, a plain request
// hears the whole afterwards, and nothing is lost but the sight of it.

import * as token from "../token.js";

const PATIENCE_MS = 30_000;

export class LiveWords {
  /** `onWords(text)`: what was said so far, again and again. */
  constructor(sampleRateHz, onWords) {
    this._finals = [];
    this._onWords = onWords;
    this._waiting = [];
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this._socket = new WebSocket(`${scheme}//${location.host}/api/v1/voice/stt/stream`, ["bearer", token.current()]);
    this._socket.onmessage = ({ data }) => this._take(JSON.parse(data));
    this._socket.onopen = () => this._begin(sampleRateHz);
    this._ended = new Promise((resolve) => {
      this._socket.onclose = () => resolve();
    });
  }

  feed(pcm) {
    if (this._socket.readyState === WebSocket.OPEN) this._socket.send(pcm);
    else this._waiting.push(pcm);
  }

  /** The whole, once the button is up; null where it could not be had. */
  async finish() {
    this._send({ type: "stop" });
    const late = setTimeout(() => this._socket.close(), PATIENCE_MS);
    await this._ended;
    clearTimeout(late);
    return this._done && !this._failed && this._finals.length ? this._text() : null;
  }

  close() {
    this._onWords = () => {};
    this._socket.close();
  }

  _begin(sampleRateHz) {
    this._send({ type: "start", sample_rate: sampleRateHz });
    for (const pcm of this._waiting) this._socket.send(pcm);
    this._waiting = [];
    if (this._stopping) this._send({ type: "stop" });
  }

  _send(message) {
    if (message.type === "stop") this._stopping = true;
    if (this._socket.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify(message));
  }

  _take(message) {
    if (message.type === "partial") this._onWords(this._text(message.text));
    if (message.type === "error") this._failed = true;
    if (message.type === "done") this._done = true;
    if (message.type !== "final" || !message.text) return;
    this._finals.push(message.text);
    this._onWords(this._text());
  }

  _text(...more) {
    return [...this._finals, ...more].join(" ");
  }
}
