// Plays speech while it still arrives: PCM pieces, each put behind the one before.

const AHEAD_SECONDS = 0.06;
const FADE_SECONDS = 0.02;
let shared = null;

/** The page's one audio context. Made at the first use, which a click or a key must have led to. */
export function audioContext() {
  shared ??= new AudioContext({ latencyHint: "interactive" });
  if (shared.state === "suspended") shared.resume();
  return shared;
}

export class PcmPlayer {
  /** 16-bit mono PCM at this rate. */
  constructor(sampleRateHz) {
    this.sampleRateHz = sampleRateHz;
    this.held = false;
    this._context = audioContext();
    this._gain = this._context.createGain();
    this._gain.connect(this._context.destination);
    this._pieces = [];
    this._heard = 0;
    this._next = 0;
    this._halfSample = null;
    this._stopped = false;
    this._whenSilent = [];
  }

  /** Whether there is sound that was not heard yet. */
  get playing() {
    return this._pieces.length > 0;
  }

  /** How much of the sound has been heard, in seconds; a wait for more is not counted. */
  get heardSeconds() {
    return this._pieces.reduce((sum, piece) => sum + this._played(piece), this._heard);
  }

  /** Takes the next bytes; a piece may end in the middle of a sample. */
  push(bytes) {
    const samples = this._samples(bytes);
    if (this._stopped || !samples.length) return;
    const buffer = this._context.createBuffer(1, samples.length, this.sampleRateHz);
    buffer.copyToChannel(samples, 0);
    const piece = { buffer, from: 0, at: 0, source: null };
    this._pieces.push(piece);
    if (!this.held) this._schedule(piece);
  }

  /** Silence, at once, that `resume` ends where it began. */
  hold() {
    if (this.held || this._stopped) return;
    this.held = true;
    this._fade();
    for (const piece of this._pieces) this._takeBack(piece);
    this._pieces = this._pieces.filter((piece) => piece.from < piece.buffer.duration);
    this._tellIfSilent();
  }

  resume() {
    if (!this.held || this._stopped) return;
    this.held = false;
    this._next = 0;
    this._gain = this._context.createGain(); // the other one may still be fading
    this._gain.connect(this._context.destination);
    for (const piece of this._pieces) this._schedule(piece);
  }

  /** Silence, at once and for good: the user's voice stops ours. */
  stop() {
    this.hold();
    this._stopped = true;
    this._pieces = [];
    this._tellIfSilent();
  }

  /** Resolves when nothing is left to be played. */
  silent() {
    return this.playing ? new Promise((resolve) => this._whenSilent.push(resolve)) : Promise.resolve();
  }

  _schedule(piece) {
    const source = this._context.createBufferSource();
    source.buffer = piece.buffer;
    source.connect(this._gain);
    source.onended = () => this._ended(piece, source);
    this._next = Math.max(this._next, this._context.currentTime + AHEAD_SECONDS);
    source.start(this._next, piece.from);
    Object.assign(piece, { source, at: this._next });
    this._next += piece.buffer.duration - piece.from;
  }

  /** A cut without a click. */
  _fade() {
    this._gain.gain.setTargetAtTime(0, this._context.currentTime, FADE_SECONDS / 5);
  }

  _takeBack(piece) {
    const played = this._played(piece);
    piece.source?.stop(this._context.currentTime + FADE_SECONDS);
    piece.source = null;
    piece.from += played;
    this._heard += played;
  }

  _played({ buffer, from, at, source }) {
    return source ? Math.min(Math.max(0, this._context.currentTime - at), buffer.duration - from) : 0;
  }

  _ended(piece, source) {
    if (piece.source !== source) return; // it was taken back
    this._heard += piece.buffer.duration - piece.from;
    this._pieces.splice(this._pieces.indexOf(piece), 1);
    this._tellIfSilent();
  }

  _tellIfSilent() {
    if (!this.playing) for (const resolve of this._whenSilent.splice(0)) resolve();
  }

  _samples(bytes) {
    let whole = bytes;
    if (this._halfSample !== null) {
      whole = new Uint8Array(bytes.length + 1);
      whole[0] = this._halfSample;
      whole.set(bytes, 1);
    }
    const count = Math.floor(whole.length / 2);
    this._halfSample = whole.length % 2 ? whole[whole.length - 1] : null;
    const view = new DataView(whole.buffer, whole.byteOffset, count * 2);
    return Float32Array.from({ length: count }, (_, index) => view.getInt16(index * 2, true) / 32768);
  }
}
