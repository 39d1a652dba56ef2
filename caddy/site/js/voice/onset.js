// Does somebody begin to speak? A guess from loudness alone, long before anybody can know. Pure.
//
// It only makes our own voice wait: the service's detector decides, and a guess that was wrong makes the next one
// harder. So an echo of ourselves that the browser leaves in, or a slamming door, costs a hesitation or two.

const LOUD_PIECES = 2;
const LEAST_LEVEL = 0.015;
const MARGIN = 4;
const MARGIN_MOST = 32;
const FALL = 0.3;
const RISE = 0.005;

export class VoiceOnset {
  constructor() {
    this._floor = 0;
    this._margin = MARGIN;
    this._run = 0;
  }

  /** Takes the root mean square (0 to 1) of the next 20 ms; true while it is as loud as a voice. */
  heard(level) {
    const loud = level >= Math.max(LEAST_LEVEL, this._floor * this._margin);
    this._floor += (level < this._floor ? FALL : RISE) * (level - this._floor);
    this._run = loud ? this._run + 1 : 0;
    return this._run >= LOUD_PIECES;
  }

  wasVoice() {
    this._margin = Math.max(MARGIN, this._margin / 2);
  }

  wasNone() {
    this._margin = Math.min(MARGIN_MOST, this._margin * 2);
  }
}
