// Where a message is written: grows with it, sends on Enter, and turns into a stop button while there is an answer.

import { byId } from "../dom.js";

const MAX_HEIGHT_PX = 220;

/** `onSend(text)`, `onStop()`. */
export function mount({ onSend, onStop }) {
  const text = byId("composer-text");
  text.addEventListener("input", fit);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit(onSend);
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(onSend);
  });
  byId("composer-stop").addEventListener("click", onStop);
}

export function setBusy(busy) {
  const stop = byId("composer-stop");
  const hadFocus = document.activeElement === stop;
  byId("composer-send").hidden = busy;
  stop.hidden = !busy;
  if (hadFocus && !busy) focus();
}

export const chosenModel = () => byId("composer-model").value || null;

export function offerModels(models) {
  const select = byId("composer-model");
  const chosen = select.value;
  const options = models.map(({ name, provider }) => new Option(`${name} · ${provider}`, name));
  select.replaceChildren(new Option("Model: automatic", ""), ...options);
  if (models.some(({ name }) => name === chosen)) select.value = chosen;
}

export function focus() {
  if (matchMedia("(pointer: fine)").matches) byId("composer-text").focus({ preventScroll: true });
}

function submit(onSend) {
  const text = byId("composer-text");
  if (!text.value.trim() || byId("composer-send").hidden) return;
  onSend(text.value.trim());
  text.value = "";
  fit();
}

function fit() {
  const text = byId("composer-text");
  text.style.height = "auto";
  text.style.height = `${Math.min(MAX_HEIGHT_PX, text.scrollHeight + 2)}px`;
}
