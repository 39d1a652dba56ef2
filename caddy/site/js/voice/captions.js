// What was said by whom, as it is said; and how long each stage took.

import { byId, element, warning } from "../dom.js";
import { seconds } from "../wording.js";

const STAGES = { transcript: "Understood", token: "First word", sound: "First sound" };
const TOLD = { transcript: "transcript_ms", token: "first_token_ms", sound: "first_audio_ms" };

/** A new caption; `text(content)` replaces what it says, `warn(sentence)` says a degradation once. */
export function caption(speaker, content = "") {
  const words = element("p", "", content);
  const node = element("li", `caption ${speaker}`, element("span", "who", speaker === "you" ? "You" : "Parley"), words);
  const said = new Set();
  byId("captions").append(node);
  node.scrollIntoView({ block: "nearest" });
  return {
    node,
    text(more) {
      words.textContent = more;
      node.scrollIntoView({ block: "nearest" });
    },
    warn(sentence) {
      if (!said.has(sentence)) node.append(warning(sentence));
      said.add(sentence);
    },
    remove: () => node.remove(),
  };
}

export function clear() {
  byId("captions").replaceChildren();
  byId("latencies").hidden = true;
}

/** Seconds since the end of speech, by stage. */
export function latencies(stages) {
  const list = byId("latencies");
  const known = Object.entries(STAGES).filter(([stage]) => stages[stage] !== undefined);
  list.replaceChildren(...known.map(([stage, name]) => {
    const pair = element("div", "", element("dt", "", name), element("dd", "", seconds(stages[stage])));
    pair.dataset.stage = stage;
    return pair;
  }));
  list.hidden = !known.length;
}

/** Counts from the end of speech; each stage once. */
export class StopWatch {
  constructor() {
    this._started = performance.now();
    this._stages = {};
    latencies({});
  }

  note(stage, atSeconds = (performance.now() - this._started) / 1000) {
    this._stages[stage] ??= atSeconds;
    latencies(this._stages);
  }

  /** The figures of a response's metadata: `{transcript_ms: "310", …}`. */
  told(metadata) {
    for (const [stage, name] of Object.entries(TOLD)) {
      if (metadata[name] !== undefined) this._stages[stage] = Number(metadata[name]) / 1000;
    }
    latencies(this._stages);
  }
}
