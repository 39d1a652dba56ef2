// Cuts a growing answer into sentences, so that the first is spoken while the rest is still being written. Pure.

const SHORTEST_CHARS = 12; // "Yes." waits for its neighbour: a voice needs a little to work with
const END = /[.!?…]["”’)\]*_]*\s|[。！？]|\n+/g;

export class Sentences {
  constructor() {
    this._taken = 0;
  }

  /** The sentences that are complete in `text` and were not given before. */
  next(text) {
    const found = [];
    END.lastIndex = this._taken;
    for (let match = END.exec(text); match; match = END.exec(text)) {
      const end = match.index + match[0].length;
      if (end - this._taken < SHORTEST_CHARS) continue;
      found.push(text.slice(this._taken, end));
      this._taken = end;
    }
    return found.map((sentence) => sentence.trim()).filter(Boolean);
  }

  /** What is left when the answer is whole. */
  rest(text) {
    const left = text.slice(this._taken).trim();
    this._taken = text.length;
    return left ? [left] : [];
  }
}
