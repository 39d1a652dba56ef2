// Hear: a recording or a file becomes text, with a word on who heard it and why.

import * as api from "../api.js";
import { openMicrophone } from "../audio/microphone.js";
import { wavOf } from "../audio/wav.js";
import { byId, problemCard } from "../dom.js";
import { transcriptCard } from "../transcript.js";

const RECORDING_RATE_HZ = 16_000;
let recording = null;
let working = null;

export function mount() {
  byId("hear-record").addEventListener("click", toggleRecording);
  byId("hear-cancel").addEventListener("click", () => working?.abort());
  byId("hear-file").addEventListener("change", ({ target }) => {
    if (target.files.length) transcribe(target.files[0], target.files[0].name);
    target.value = "";
  });
  mountDrop(byId("hear-drop"));
}

export async function show() {}

export function hide() {
  if (recording) stopRecording();
}

function mountDrop(zone) {
  const over = (event, is) => {
    event.preventDefault();
    zone.classList.toggle("over", is);
  };
  zone.addEventListener("dragover", (event) => over(event, true));
  zone.addEventListener("dragleave", (event) => over(event, false));
  zone.addEventListener("drop", (event) => {
    over(event, false);
    const [file] = event.dataTransfer.files;
    if (file) transcribe(file, file.name);
  });
}

async function toggleRecording() {
  if (recording) {
    transcribe(stopRecording(), "recording.wav");
    return;
  }
  try {
    const pieces = [];
    const microphone = await openMicrophone({
      sampleRateHz: RECORDING_RATE_HZ,
      onPiece({ level, pcm }) {
        byId("hear-level").value = level;
        pieces.push(pcm);
      },
    });
    recording = { microphone, pieces };
    showRecording(true);
  } catch (problem) {
    byId("hear-result").replaceChildren(problemCard(problem));
  }
}

function stopRecording() {
  const { microphone, pieces } = recording;
  microphone.close();
  recording = null;
  showRecording(false);
  return wavOf(pieces, RECORDING_RATE_HZ);
}

function showRecording(is) {
  const button = byId("hear-record");
  button.setAttribute("aria-pressed", String(is));
  button.lastElementChild.textContent = is ? "Stop and transcribe" : "Record";
  byId("hear-level").hidden = !is;
}

async function transcribe(sound, name) {
  working?.abort();
  const mine = new AbortController();
  working = mine;
  const result = byId("hear-result");
  result.replaceChildren();
  showProgress(0, sound.size);
  try {
    const options = { signal: mine.signal, onProgress: (part) => showProgress(part, sound.size) };
    const heard = await api.upload("/api/v1/voice/stt/transcribe", form(sound, name), options);
    result.replaceChildren(transcriptCard(heard, sound, name));
  } catch (problem) {
    if (problem.name !== "AbortError") result.replaceChildren(problemCard(problem));
  } finally {
    if (working === mine) {
      working = null;
      byId("hear-work").hidden = true;
    }
  }
}

function form(sound, name) {
  const fields = new FormData();
  fields.append("audio", sound, name);
  fields.append("language", byId("hear-language").value);
  fields.append("engine", byId("hear-engine").value);
  fields.append("response_format", "verbose_json");
  fields.append("word_timestamps", "true");
  return fields;
}

function showProgress(part, bytes) {
  const progress = byId("hear-progress");
  byId("hear-work").hidden = false;
  if (part < 1) {
    progress.value = part;
    byId("hear-stage").textContent = `Uploading ${(bytes / 2 ** 20).toFixed(1)} MiB: ${Math.round(part * 100)} %`;
  } else {
    progress.removeAttribute("value");
    byId("hear-stage").textContent = "Listening to it …";
  }
}
