// Our voice waits as soon as it sounds as if somebody began to speak, and goes on where it was if nobody did.
//
// The service knows after about 140 ms and a network's way; the guess takes 40 ms.

import { VoiceOnset } from "./onset.js";

const LEAST_MS = 500;
const QUIET_MS = 300;
const MOST_MS = 2000;

export class Hesitation {
  constructor() {
    this._onset = new VoiceOnset();
    this._held = null;
  }

  /** Takes the next 20 ms of the microphone, and who is speaking meanwhile, if anybody is. */
  heard(rms, player) {
    const now = performance.now();
    const loud = this._onset.heard(rms);
    if (loud) this._loudAt = now;
    if (this._held !== player) this._held = null;
    if (this._held) this._goOn(now);
    else if (loud && player?.playing) this._hold(player, now);
  }

  /** The service says so. */
  wasVoice() {
    if (this._held) this._onset.wasVoice();
    this._held = null;
  }

  _hold(player, now) {
    player.hold();
    this._held = player;
    this._heldAt = now;
  }

  /** A loud noise that lasts is no reason to say nothing for ever. */
  _goOn(now) {
    const heldMs = now - this._heldAt;
    if (heldMs < MOST_MS && (heldMs < LEAST_MS || now - this._loudAt < QUIET_MS)) return;
    this._onset.wasNone();
    this._held.resume();
    this._held = null;
  }
}
