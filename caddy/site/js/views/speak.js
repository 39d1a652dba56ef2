// Speak: a text becomes sound, heard while it is still being made, with a word on who spoke it.

import * as api from "../api.js";
import { PcmPlayer, audioContext } from "../audio/player.js";
import { wavOf } from "../audio/wav.js";
import { bringIntoSight, button, byId, download, element, facts, problemCard, warning } from "../dom.js";
import { absences, attemptsOf, degradation, engineTitle, enginesOf, seconds } from "../wording.js";

const STREAMED = new Set(["wav", "pcm"]); // what a page can play piece by piece without a decoder
const EXTENSIONS = { opus: "ogg" };
let voices = [];
let speaking = null;
let audioAddress = "";

export function mount() {
  byId("speak-speed").addEventListener("input", showSpeed);
  byId("speak-text").addEventListener("input", showCount);
  byId("speak-engine").addEventListener("change", showVoices);
  byId("speak-stop").addEventListener("click", () => speaking?.abort());
  byId("speak-form").addEventListener("submit", (event) => {
    event.preventDefault();
    speak();
  });
  showCount();
}

export async function show() {
  if (voices.length) return;
  try {
    ({ voices } = await api.json("/api/v1/voice/voices"));
    const engines = [...new Set(voices.map((voice) => voice.engine))];
    for (const engine of engines) byId("speak-engine").add(new Option(engineTitle(engine), engine));
    showVoices();
  } catch (problem) {
    byId("speak-result").replaceChildren(problemCard(problem, button("Try again", retryVoices)));
  }
}

export function hide() {
  speaking?.abort();
}

function retryVoices() {
  byId("speak-result").replaceChildren();
  show();
}

function showVoices() {
  const engine = byId("speak-engine").value;
  const offered = voices.filter((voice) => !engine || voice.engine === engine);
  const named = offered.map((voice) => new Option(`${voice.name} · ${voice.language}`, voice.id));
  byId("speak-voice").replaceChildren(new Option("Default", "default"), ...named);
}

function showSpeed() {
  byId("speak-speed-value").value = `${Number(byId("speak-speed").value).toFixed(1)}×`;
}

function showCount() {
  const count = byId("speak-text").value.length;
  byId("speak-count").textContent = `${count.toLocaleString()} of 10,000`;
}

async function speak() {
  speaking = new AbortController();
  audioContext(); // here, in the click's own turn: a browser allows sound to a gesture alone
  setBusy(true);
  const result = byId("speak-result");
  result.replaceChildren(working());
  const format = byId("speak-format").value;
  const started = performance.now();
  try {
    const ask = STREAMED.has(format) ? askStream : askWhole;
    const spoken = await ask(format, started, speaking.signal);
    result.replaceChildren(card(spoken, format));
    bringIntoSight(result);
  } catch (problem) {
    result.replaceChildren(...(problem.name === "AbortError" ? [] : [problemCard(problem)]));
  } finally {
    setBusy(false);
  }
}

function request(format, stream, signal) {
  const chosen = (id) => byId(id).value;
  const voice = voices.find(({ id }) => id === chosen("speak-voice"));
  const body = { text: chosen("speak-text"), voice: chosen("speak-voice"), speed: Number(chosen("speak-speed")), format, stream };
  if (chosen("speak-engine")) body.engine = chosen("speak-engine");
  if (voice) body.language = voice.language;
  return api.send("POST", "/api/v1/voice/tts/synthesize", body, { signal });
}

/** PCM piece by piece: heard from the first sentence on. Resolves when it was heard to its end. */
async function askStream(format, started, signal) {
  const reply = await request("pcm", true, signal);
  const rate = Number(reply.headers.get("X-Sample-Rate"));
  const player = new PcmPlayer(rate);
  signal.addEventListener("abort", () => player.stop());
  const pieces = [];
  let firstSeconds = null;
  for await (const piece of chunks(reply)) {
    firstSeconds ??= elapsed(started);
    pieces.push(piece);
    player.push(piece);
  }
  const facts = { headers: reply.headers, firstSeconds, allSeconds: elapsed(started), playable: wavOf(pieces, rate) };
  byId("speak-result").replaceChildren(working(reply.headers));
  await player.silent();
  signal.throwIfAborted();
  return { ...facts, file: format === "pcm" ? new Blob(pieces) : facts.playable };
}

async function askWhole(format, started, signal) {
  const reply = await request(format, false, signal);
  const file = await reply.blob();
  return { headers: reply.headers, file, playable: file, allSeconds: elapsed(started), playNow: true };
}

async function* chunks(reply) {
  const reader = reply.body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

const elapsed = (started) => (performance.now() - started) / 1000;

function working(headers) {
  const sentence = headers ? `Spoken by ${enginesOf(headers.get("X-Engine"))} …` : "Speaking …";
  return element("p", "card", element("span", "pulse"), sentence);
}

function card({ headers, file, playable, firstSeconds, allSeconds, playNow }, format) {
  const engines = enginesOf(headers.get("X-Engine"));
  const attempts = attemptsOf(headers.get("X-Attempts"));
  const degraded = degradation("Spoken", engines, attempts);
  const timing = firstSeconds ? `first sound after ${seconds(firstSeconds)}, all of it after ${seconds(allSeconds)}` : `in ${seconds(allSeconds)}`;
  const name = `speech.${EXTENSIONS[format] ?? format}`;
  const save = button(`Download ${name}`, () => download(file, name), { iconName: "download" });
  const missing = absences(attempts);
  const node = element("div", "card spoken", audio(playable, playNow));
  if (degraded) node.append(warning(degraded));
  node.append(facts(`Spoken by ${engines}: ${timing}.`, missing.length && `${missing.join("; ")}.`), element("div", "row", save));
  return node;
}

function audio(sound, playNow) {
  URL.revokeObjectURL(audioAddress);
  audioAddress = URL.createObjectURL(sound);
  const player = element("audio");
  player.controls = true;
  player.ariaLabel = "The spoken text";
  player.src = audioAddress;
  if (playNow) player.play().catch(() => {}); // a browser may want a click first: the controls are there
  return player;
}

/** The focus goes from one button to the other, but is not fetched from elsewhere. */
function setBusy(busy) {
  const [going, coming] = busy ? ["speak-go", "speak-stop"] : ["speak-stop", "speak-go"];
  const hadFocus = document.activeElement === byId(going);
  byId(coming).hidden = false;
  if (hadFocus) byId(coming).focus({ preventScroll: true });
  byId(going).hidden = true;
}
