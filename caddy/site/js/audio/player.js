// Plays speech while it still arrives: PCM pieces, each put behind the one before.

const AHEAD_SECONDS = 0.06;
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
    this.startedAt = null;
    this._context = audioContext();
    this._gain = this._context.createGain();
    this._gain.connect(this._context.destination);
    this._sources = new Set();
    this._next = 0;
    this._halfSample = null;
    this._stopped = false;
    this._whenSilent = [];
  }

  get playing() {
    return this._sources.size > 0;
  }

  /** How much of the sound has been heard, in seconds. */
  get heardSeconds() {
    return this.startedAt === null ? 0 : Math.max(0, Math.min(this._context.currentTime, this._next) - this.startedAt);
  }

  /** Takes the next bytes; a piece may end in the middle of a sample. */
  push(bytes) {
    const samples = this._samples(bytes);
    if (this._stopped || !samples.length) return;
    const buffer = this._context.createBuffer(1, samples.length, this.sampleRateHz);
    buffer.copyToChannel(samples, 0);
    const source = this._context.createBufferSource();
    source.buffer = buffer;
    source.connect(this._gain);
    this._next = Math.max(this._next, this._context.currentTime + AHEAD_SECONDS);
    this.startedAt ??= this._next;
    source.onended = () => this._ended(source);
    source.start(this._next);
    this._next += buffer.duration;
    this._sources.add(source);
  }

  /** Silence, at once: the user's voice stops ours. */
  stop() {
    this._stopped = true;
    this._gain.gain.cancelScheduledValues(0);
    this._gain.gain.setTargetAtTime(0, this._context.currentTime, 0.004); // a cut without a click
    for (const source of this._sources) source.stop(this._context.currentTime + 0.03);
  }

  /** Resolves when nothing is left to be played. */
  silent() {
    return this.playing ? new Promise((resolve) => this._whenSilent.push(resolve)) : Promise.resolve();
  }

  _ended(source) {
    this._sources.delete(source);
    if (this.playing) return;
    for (const resolve of this._whenSilent.splice(0)) resolve();
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
