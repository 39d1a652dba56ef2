// Status: services, engines and models, live. What fails is said in the sentence that its users get.

import * as api from "../api.js";
import { byId, problemCard, renew } from "../dom.js";
import { modelsSection, enginesSections, servicesSection, summary } from "../status_parts.js";

const RECONNECT_MS = 2000;
const TICK_MS = 1000;
let watching = null;
let latest = null;

export function mount() {}

export function show() {
  watching = new AbortController();
  const { signal } = watching;
  follow("/api/v1/gateway/events", { signal, took: take, failed: lost, live });
  follow("/api/v1/voice/models/status", { signal, ...into("status-engines", enginesSections) });
  follow("/api/v1/chat-service/api/v1/models", { signal, ...into("status-models", (status) => [modelsSection(status)]) });
  repeat(draw, TICK_MS, signal); // "checked 3 s ago" goes on counting
}

export function hide() {
  watching?.abort();
}

/** A stream of states, for as long as the view is open; begun anew whenever it breaks. */
async function follow(path, { signal, took, failed, live: told = () => {} }) {
  while (!signal.aborted) {
    try {
      const reply = await api.call(path, { signal, headers: { Accept: "text/event-stream" } });
      told("Live", true);
      for await (const { event, data } of api.events(reply)) {
        if (event === "status") took(JSON.parse(data));
      }
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.status) failed(problem);
    }
    if (signal.aborted) return;
    told("Reconnecting …", false);
    await pause(RECONNECT_MS, signal);
  }
}

const into = (id, sections) => ({
  took: (status) => renew(byId(id), ...sections(status)),
  failed: (problem) => byId(id).replaceChildren(problemCard(problem)),
});

function take(status) {
  latest = { ...status, ahead: status.now - Date.now() / 1000 };
  draw();
}

function draw() {
  if (!latest) return;
  say(summary(latest.upstreams));
  renew(byId("status-services"), servicesSection(latest.upstreams, Date.now() / 1000 + latest.ahead));
}

/** Without the monitor there is no word on the services, and an old one would be a lie. */
function lost(problem) {
  latest = null;
  say("");
  byId("status-services").replaceChildren(problemCard(problem));
}

/** Only when it changes: a screen reader reads it out each time. */
function say(sentence) {
  const line = byId("status-summary");
  if (line.textContent !== sentence) line.textContent = sentence;
}

function live(text, on) {
  const line = byId("status-live");
  line.textContent = text;
  line.classList.toggle("on", on);
}

async function repeat(step, everyMs, signal) {
  while (!signal.aborted) {
    step();
    await pause(everyMs, signal);
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
