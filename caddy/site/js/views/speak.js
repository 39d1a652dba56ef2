// Speak: a text becomes sound, with a word on who spoke it.

import * as api from "../api.js";
import { byId, element, facts, problemCard } from "../dom.js";
import { attemptsOf, engineName, failures, seconds } from "../wording.js";

let audioAddress = "";

export function mount() {
  byId("speak-speed").addEventListener("input", showSpeed);
  byId("speak-form").addEventListener("submit", (event) => {
    event.preventDefault();
    speak(event.submitter);
  });
}

export async function show() {
  const select = byId("speak-voice");
  if (select.options.length > 1) return;
  const { voices } = await api.json("/api/v1/voice/voices");
  for (const voice of voices) select.add(new Option(`${voice.id} · ${engineName(voice.engine)}`, voice.id));
}

function showSpeed() {
  byId("speak-speed-value").value = `${Number(byId("speak-speed").value).toFixed(1)}×`;
}

async function speak(button) {
  const result = byId("speak-result");
  button.disabled = true;
  result.replaceChildren(element("p", "card", "Speaking …"));
  const started = performance.now();
  try {
    const reply = await api.call("/api/v1/voice/tts/synthesize", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        text: byId("speak-text").value,
        voice: byId("speak-voice").value,
        speed: Number(byId("speak-speed").value),
      }),
    });
    const sound = await reply.blob();
    result.replaceChildren(card(reply.headers, sound, (performance.now() - started) / 1000));
  } catch (problem) {
    result.replaceChildren(problemCard(problem));
  } finally {
    button.disabled = false;
  }
}

function card(headers, sound, tookSeconds) {
  URL.revokeObjectURL(audioAddress);
  audioAddress = URL.createObjectURL(sound);
  const player = element("audio");
  player.controls = true;
  player.src = audioAddress;
  player.play().catch(() => {}); // a browser may want a click first: the controls are there
  const engines = headers.get("X-Engine").split(",").map(engineName).join(", then ");
  const failed = failures(attemptsOf(headers.get("X-Attempts")));
  const node = element("div", "card", player, facts(`Spoken by ${engines} in ${seconds(tookSeconds)}.`));
  if (failed.length) node.append(element("p", "facts warn", `${failed.join("; ")}.`));
  return node;
}
