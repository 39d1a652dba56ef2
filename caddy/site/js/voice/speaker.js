// Speaks sentences one after the other; the next is being made while one is heard.

import * as api from "../api.js";
import { PcmPlayer } from "../audio/player.js";

const SAMPLE_RATE_HZ = 24_000;

export class Speaker {
  /** `onFirstSound()`; `onVoice(headers)`, once a sentence; `onProblem(problem)`. */
  constructor({ onFirstSound, onVoice, onProblem }) {
    this._on = { onFirstSound, onVoice, onProblem };
    this._player = new PcmPlayer(SAMPLE_RATE_HZ);
    this._abort = new AbortController();
    this._queue = Promise.resolve();
    this._waiting = [];
    this._ahead = null;
    this._spoke = false;
  }

  get stopped() {
    return this._abort.signal.aborted;
  }

  say(sentence) {
    this._waiting.push(sentence);
    this._queue = this._queue.then(() => this._play(this._take()));
  }

  /** Resolves when all of it was heard, or it was stopped. */
  async finished() {
    await this._queue;
    await this._player.silent();
  }

  stop() {
    this._abort.abort();
    this._player.stop();
  }

  /** The request for the next sentence: made already, or made now. */
  _take() {
    const asked = this._ahead ?? this._ask(this._waiting.shift());
    this._ahead = null;
    return asked;
  }

  /** One sentence ahead and no more: several at a time would only delay the first. */
  _prepareNext() {
    if (!this._ahead && this._waiting.length) this._ahead = this._ask(this._waiting.shift());
  }

  _ask(sentence) {
    const body = { text: sentence, format: "pcm", stream: true };
    const asked = api.send("POST", "/api/v1/voice/tts/synthesize", body, { signal: this._abort.signal });
    asked.catch(() => {}); // looked at when its turn comes
    return asked;
  }

  async _play(asked) {
    if (this.stopped) return;
    try {
      const reply = await asked;
      this._on.onVoice(reply.headers);
      const reader = reply.body.getReader();
      for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
        this._player.push(value);
        if (!this._spoke) this._on.onFirstSound();
        this._spoke = true;
      }
      this._prepareNext();
    } catch (problem) {
      if (this.stopped) return;
      this.stop();
      this._on.onProblem(problem);
    }
  }
}
