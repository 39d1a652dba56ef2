// Hear: a recording or a file becomes text, with a word on who heard it and why.

import * as api from "../api.js";
import { byId, element, facts, problemCard } from "../dom.js";
import { record } from "../recorder.js";
import { engineName, failures, seconds } from "../wording.js";

let stop = null;

export function mount() {
  byId("hear-record").addEventListener("click", toggle);
  byId("hear-file").addEventListener("change", ({ target }) => {
    if (target.files.length) transcribe(target.files[0], target.files[0].name);
    target.value = "";
  });
}

export async function show() {}

async function toggle() {
  const button = byId("hear-record");
  if (stop) {
    const finish = stop;
    stop = null;
    setRecording(button, false);
    await transcribe(await finish(), "recording");
    return;
  }
  try {
    stop = await record((level) => (byId("hear-level").value = level));
    setRecording(button, true);
  } catch {
    const message = "The browser gives no microphone: allow it for this page, or choose a file.";
    byId("hear-result").replaceChildren(problemCard({ message }));
  }
}

function setRecording(button, recording) {
  button.setAttribute("aria-pressed", String(recording));
  button.textContent = recording ? "Stop" : "Record";
}

async function transcribe(sound, name) {
  const progress = byId("hear-progress");
  const form = new FormData();
  form.append("audio", sound, name);
  progress.hidden = false;
  byId("hear-result").replaceChildren(element("p", "card", "Listening …"));
  try {
    const heard = await api.upload("/api/v1/voice/stt/transcribe", form, (part) => (progress.value = part));
    byId("hear-result").replaceChildren(card(heard));
  } catch (problem) {
    byId("hear-result").replaceChildren(problemCard(problem));
  } finally {
    progress.hidden = true;
  }
}

function card(heard) {
  const text = heard.text
    ? element("p", "transcript", heard.text)
    : element("p", "transcript nothing", "Nothing was said.");
  const who = heard.engine
    ? `Heard by ${engineName(heard.engine)} (${heard.model}) in ${seconds(heard.processing_seconds)}, `
      + `${heard.real_time_factor.toFixed(2)} of the recording's ${seconds(heard.duration_seconds)}.`
    : "";
  const failed = failures(heard.attempts);
  const node = element("div", "card", text, facts(who, heard.routing.reason));
  if (failed.length) node.append(element("p", "facts warn", `${failed.join("; ")}.`));
  return node;
}
