// Voice: by a button that is held, or hands-free. Both say what they hear, think and how long it took.

import { newId } from "../chat/conversation.js";
import { announce, byId, problemCard } from "../dom.js";
import { HandsFree } from "../voice/hands_free.js";
import { PushToTalk } from "../voice/push_to_talk.js";

const TAP_MS = 300; // shorter than this, the button stays down until the next tap
const SAYINGS = {
  idle: "Hold the button, or the space bar, and speak. A tap keeps it down.",
  off: "Start, and simply talk. You can interrupt at any time.",
  connecting: "Connecting …",
  listening: "Listening …",
  understanding: "Making out what you said …",
  thinking: "Thinking …",
  speaking: "Speaking. Talk to interrupt.",
};
let sessionId = "";
let talk = null;
let free = false;
let pressedAt = null;
let latched = false;

export function mount() {
  const button = byId("voice-talk");
  button.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    button.focus();
    down();
  });
  button.addEventListener("click", ({ detail }) => detail === 0 && pressOnce());
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, up);
  addEventListener("keydown", (event) => isTalkKey(event) && (event.preventDefault(), event.repeat || down()));
  addEventListener("keyup", (event) => isTalkKey(event) && (event.preventDefault(), up()));
  byId("voice-quiet").addEventListener("click", beQuiet);
  byId("voice-mode").addEventListener("change", ({ target }) => choose(target.value === "free"));
}

export function show() {
  sessionId ||= newId();
  choose(free);
}

export function hide() {
  talk?.close();
  talk = null;
  latched = false;
  pressedAt = null;
}

function choose(handsFree) {
  hide();
  free = handsFree;
  byId("voice-notice").replaceChildren();
  state(free ? "off" : "idle");
}

function handlers() {
  return { onState: state, onLevel: level, onProblem: problem, onClosed: ended };
}

/** Space, but not where it means something else. */
function isTalkKey(event) {
  if (byId("voice").hidden || event.key !== " " || document.querySelector("dialog[open]")) return false;
  return event.target === byId("voice-talk") || event.target === document.body || event.target === byId("main");
}

function down() {
  byId("voice-notice").replaceChildren();
  if (free) {
    toggleFree();
    return;
  }
  if (latched) {
    latched = false;
    release();
    return;
  }
  pressedAt = performance.now();
  talk ??= new PushToTalk(sessionId, handlers());
  talk.press();
}

function up() {
  if (pressedAt === null) return;
  latched = performance.now() - pressedAt < TAP_MS;
  pressedAt = null;
  if (!latched) release();
}

/** Enter, or a screen reader's own way of pressing: nothing is held, so it is down until the next time. */
function pressOnce() {
  const ends = free || latched;
  down();
  if (ends) return;
  latched = true;
  pressedAt = null;
}

function beQuiet() {
  talk?.interrupt();
  state(free ? "listening" : "idle");
}

function release() {
  talk?.release();
}

function toggleFree() {
  if (talk) {
    hide();
    state("off");
    return;
  }
  talk = new HandsFree(sessionId, handlers());
  talk.open();
}

function ended() {
  talk = null;
  state("off");
}

function state(name) {
  const active = free ? name !== "off" : name === "listening";
  if (name === "thinking") announce(`You: ${document.querySelector("#captions .you:last-of-type p")?.textContent ?? ""}`);
  byId("voice-orb").dataset.state = name;
  byId("voice-state").textContent = SAYINGS[name];
  if (free) byId("voice-talk").removeAttribute("aria-pressed"); // its name changes instead
  else byId("voice-talk").setAttribute("aria-pressed", String(active));
  byId("voice-talk-label").textContent = free ? (active ? "Stop" : "Start") : "Talk";
  byId("voice-quiet").hidden = name !== "speaking" && name !== "thinking";
}

function level(value) {
  byId("voice-orb").style.setProperty("--level", value.toFixed(3));
  byId("voice-level").value = value;
}

function problem(error) {
  latched = false;
  byId("voice-notice").replaceChildren(problemCard(error));
}
