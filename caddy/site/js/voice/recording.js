// What is said while the button is held: kept whole, and shown as it is recognised.

import * as api from "../api.js";
import { wavOf } from "../audio/wav.js";
import { degradation, engineName } from "../wording.js";
import { caption } from "./captions.js";
import { LiveWords } from "./live_words.js";

export class Recording {
  constructor(sampleRateHz) {
    this._sampleRateHz = sampleRateHz;
    this._pieces = [];
    this._live = new LiveWords(sampleRateHz, (words) => this._show(words));
  }

  get seconds() {
    return this._pieces.reduce((sum, piece) => sum + piece.byteLength, 0) / 2 / this._sampleRateHz;
  }

  take(pcm) {
    this._pieces.push(pcm);
    this._live.feed(pcm);
  }

  /** The words, once the button is up. Live recognition has most of them already; else all of it is sent. */
  async words(signal) {
    const live = await this._live.finish();
    if (live) {
      this._show(live);
      return live;
    }
    const form = new FormData();
    form.append("audio", wavOf(this._pieces, this._sampleRateHz), "question.wav");
    const heard = await api.upload("/api/v1/voice/stt/transcribe", form, { signal });
    if (!heard.text) throw new Error("Nothing was heard. Hold the button while you speak.");
    this._show(heard.text);
    const degraded = degradation("Heard", engineName(heard.engine), heard.attempts);
    if (degraded) this._caption.warn(degraded);
    return heard.text;
  }

  /** It is not asked after all. */
  drop() {
    this._live.close();
    this._caption?.remove();
  }

  _show(words) {
    this._caption ??= caption("you");
    this._caption.text(words);
  }
}
