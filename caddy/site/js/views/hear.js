// Hear: a recording or a file becomes text, with a word on who heard it and why.

import { openMicrophone } from "../audio/microphone.js";
import { wavOf } from "../audio/wav.js";
import { announce, bringIntoSight, byId, problemCard } from "../dom.js";
import { hear } from "../hearing.js";
import { transcriptCard } from "../transcript.js";
import { clock } from "../wording.js";

const RECORDING_RATE_HZ = 16_000;
const TOLD_EVERY = 0.25; // a screen reader that is told of each percent never falls silent
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

/** What was recorded so far is not lost: it is being heard while one looks elsewhere. */
export function hide() {
  if (recording) toggleRecording();
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
  byId("hear-result").replaceChildren();
  try {
    const pieces = [];
    const microphone = await openMicrophone({
      sampleRateHz: RECORDING_RATE_HZ,
      onPiece({ level, pcm }) {
        pieces.push(pcm);
        byId("hear-level").value = level;
        byId("hear-clock").textContent = clock((pieces.length * pcm.byteLength) / 2 / RECORDING_RATE_HZ);
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
  button.classList.toggle("recording", is);
  button.lastElementChild.textContent = is ? "Stop and transcribe" : "Record";
  byId("hear-meter").hidden = !is;
  byId("hear-clock").textContent = "0:00";
}

async function transcribe(sound, name) {
  working?.abort();
  const mine = new AbortController();
  working = mine;
  const result = byId("hear-result");
  const asked = { language: byId("hear-language").value, engine: byId("hear-engine").value };
  const ifMine = (show) => (part) => working === mine && show(part);
  const onUpload = ifMine((part) => showProgress(`Uploading ${name}`, part));
  const onHeard = ifMine((part) => showProgress("Listening to it", part));
  result.replaceChildren();
  onUpload(0);
  try {
    const heard = await hear(sound, name, asked, { onUpload, onHeard, signal: mine.signal });
    if (working !== mine) return;
    showResult(transcriptCard(heard, sound, name));
    announce("The transcript is there.");
  } catch (problem) {
    if (working !== mine) return;
    if (problem.name === "AbortError") announce("Cancelled.");
    else showResult(problemCard(problem));
  } finally {
    if (working === mine) done();
  }
}

function showResult(card) {
  byId("hear-result").replaceChildren(card);
  bringIntoSight(card);
}

/** The focus that was on Cancel must not fall into nothing. */
function done() {
  const work = byId("hear-work");
  const hadFocus = work.contains(document.activeElement);
  working = null;
  work.hidden = true;
  if (hadFocus) byId("hear-file").focus();
}

/** `part`: 0 to 1, or null where nothing tells how far it is. */
function showProgress(stage, part) {
  const bar = byId("hear-progress");
  byId("hear-work").hidden = false;
  byId("hear-stage").textContent = part === null ? `${stage} …` : `${stage}: ${Math.round(part * 100)} %`;
  bar.ariaLabel = stage;
  if (part === null) bar.removeAttribute("value");
  else bar.value = part;
  const told = Math.floor((part ?? 0) / TOLD_EVERY) * TOLD_EVERY * 100;
  announce(told ? `${stage}: ${told} %` : `${stage} …`);
}
