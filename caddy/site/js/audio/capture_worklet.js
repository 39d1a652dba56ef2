// Runs beside the page, in the audio thread: the microphone's level, and its samples as 16-bit PCM.

const PIECE_SECONDS = 0.02;

class Capture extends AudioWorkletProcessor {
  /** `processorOptions.sampleRateHz`: what leaves; the context's own rate comes in. */
  constructor({ processorOptions }) {
    super();
    this._step = sampleRate / processorOptions.sampleRateHz;
    this._piece = new Int16Array(Math.round(processorOptions.sampleRateHz * PIECE_SECONDS));
    this._filled = 0;
    this._sum = 0;
    this._weight = 0;
    this._power = 0;
  }

  process([input]) {
    for (const sample of input[0] ?? []) this._take(sample);
    return true;
  }

  /** Each sample that leaves is the mean of the time it stands for: enough of a low-pass for speech. */
  _take(sample) {
    let rest = 1;
    while (this._weight + rest >= this._step) {
      const part = this._step - this._weight;
      this._give((this._sum + sample * part) / this._step);
      rest -= part;
      this._sum = 0;
      this._weight = 0;
    }
    this._sum += sample * rest;
    this._weight += rest;
  }

  _give(value) {
    const clipped = Math.max(-1, Math.min(1, value));
    this._power += clipped * clipped;
    this._piece[this._filled++] = Math.round(clipped * 32767);
    if (this._filled < this._piece.length) return;
    const level = Math.sqrt(this._power / this._filled);
    const pcm = this._piece.slice().buffer;
    this.port.postMessage({ level, pcm }, [pcm]);
    this._filled = 0;
    this._power = 0;
  }
}

registerProcessor("parley-capture", Capture);
