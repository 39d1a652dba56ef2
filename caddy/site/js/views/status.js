// Status: each engine, as the voice service sees it. Asked again while the view is open.

import * as api from "../api.js";
import { byId, element, problemCard } from "../dom.js";
import { engineName, seconds } from "../wording.js";

const EVERY_MS = 3000;
let timer = 0;

export function mount() {}

export async function show() {
  clearTimeout(timer);
  const result = byId("status-result");
  try {
    const status = await api.json("/api/v1/voice/models/status");
    result.replaceChildren(
      element("h3", "", "Hearing"), table(status.transcription),
      element("h3", "", "Speaking"), table(status.synthesis),
    );
  } catch (problem) {
    result.replaceChildren(problemCard(problem));
  }
  if (!byId("status").hidden) timer = setTimeout(show, EVERY_MS);
}

const COLUMNS = {
  Engine: (engine) => engineName(engine.name),
  State: state,
  Model: (engine) => engine.model ?? "–",
  "Work / audio": (engine) => engine.real_time_factor?.toFixed(2) ?? "–",
  Loading: (engine) => (engine.load_seconds === null ? "–" : seconds(engine.load_seconds)),
  "Running + waiting": (engine) => `${engine.running} + ${engine.waiting}`,
};

function table(engines) {
  const head = element("tr", "", ...Object.keys(COLUMNS).map((name) => element("th", "", name)));
  for (const cell of head.children) cell.scope = "col";
  const rows = engines.map((engine) =>
    element("tr", "", ...Object.values(COLUMNS).map((cell) => element("td", "", cell(engine)))));
  const node = element("div", "table", element("table", "", element("thead", "", head), element("tbody", "", ...rows)));
  node.tabIndex = 0; // it scrolls sideways on a narrow screen
  node.role = "region";
  node.ariaLabel = "Engines";
  return node;
}

function state(engine) {
  if (engine.breaker_state !== "closed") return element("span", "bad", `resting (${engine.last_error})`);
  if (!engine.installed) return element("span", "", "not installed");
  if (engine.loaded) return element("span", "good", "ready");
  return element("span", "", engine.model ? "not loaded yet" : "no model");
}
