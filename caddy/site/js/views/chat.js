// Chat: the list of conversations, the open one, and where the next message is written.

import { Conversation, newId } from "../chat/conversation.js";
import * as composer from "../chat/composer.js";
import * as rest from "../chat/rest.js";
import * as sessions from "../chat/sessions.js";
import { ThreadView } from "../chat/thread_view.js";
import { answerOf, button, byId, download, element, problemCard } from "../dom.js";

const LINK_STATES = {
  open: "",
  waiting: "Connection lost. Reconnecting …",
  unreachable: "The live connection does not open: answers come over plain requests.",
};
const PATIENCE_MS = 1200; // a hiccup is not worth a word
let conversation = null;
let view = null;
let linkTimer = 0;
let wasBusy = false;

export function mount() {
  view = new ThreadView({ onRetry: (message) => conversation.retry(message, composer.chosenModel()), onOlder: loadOlder });
  sessions.mount();
  composer.mount({ onSend: send, onStop: () => conversation?.stop() });
  byId("session-new").addEventListener("click", begin);
  byId("chat-rename").addEventListener("click", rename);
  byId("chat-delete").addEventListener("click", remove);
  byId("chat-export").addEventListener("click", save);
}

export async function show(sessionId) {
  loadModels();
  if (conversation && conversation.sessionId === sessionId && conversation.thread.busy) return;
  if (sessionId) await openConversation(sessionId, { isNew: false });
  else blank();
  await sessions.refresh(conversation?.sessionId);
}

export function hide() {
  sessions.drawer(false);
}

async function loadModels() {
  try {
    composer.offerModels((await rest.models()).models);
  } catch {
    composer.offerModels([]); // the list of conversations says what is wrong
  }
}

function begin() {
  sessions.drawer(false);
  if (location.hash === "#/chat") blank();
  else location.hash = "#/chat";
}

function blank() {
  close();
  title("New conversation", false);
  view.say(
    element("p", "hello", "What is on your mind?"),
    element("p", "soft", "What is said here is kept by this installation alone. It can be exported, and deleted."),
  );
  sessions.mark(null);
  composer.focus();
}

function close() {
  conversation?.close();
  conversation = null;
  clearTimeout(linkTimer);
  byId("chat-link").hidden = true;
  view.reset();
  composer.setBusy(false);
}

async function openConversation(sessionId, { isNew, name = "" }) {
  close();
  const mine = new Conversation(sessionId, { onChange: () => conversation === mine && changed(), onLink: linkTurned });
  conversation = mine;
  if (!isNew) view.say(element("p", "soft", "Loading …"));
  try {
    await mine.open({ isNew });
    if (conversation !== mine) return;
    title(mine.title || name, true);
    changed();
    composer.focus();
  } catch (problem) {
    if (conversation !== mine) return;
    title("Conversation", false);
    view.say(problemCard(problem, button("Try again", () => show(sessionId))));
  }
}

async function send(text) {
  if (!conversation) {
    const sessionId = newId();
    openConversation(sessionId, { isNew: true, name: text.length > 60 ? `${text.slice(0, 59)}…` : text });
    history.replaceState(null, "", `#/chat/${sessionId}`);
  }
  conversation.send(text, composer.chosenModel());
  requestAnimationFrame(() => requestAnimationFrame(() => view.scrollToEnd()));
}

function changed() {
  const { busy } = conversation.thread;
  view.draw(conversation);
  composer.setBusy(Boolean(conversation.thread.writing));
  if (wasBusy && !busy) sessions.refresh(conversation.sessionId);
  wasBusy = busy;
}

function linkTurned(state) {
  clearTimeout(linkTimer);
  const line = byId("chat-link");
  const tell = () => {
    line.textContent = LINK_STATES[state];
    line.hidden = state === "open";
  };
  if (state === "waiting") linkTimer = setTimeout(tell, PATIENCE_MS);
  else tell();
}

async function loadOlder() {
  const box = byId("thread");
  const fromEnd = box.scrollHeight - box.scrollTop;
  await conversation.loadOlder();
  requestAnimationFrame(() => requestAnimationFrame(() => (box.scrollTop = box.scrollHeight - fromEnd)));
}

function title(text, hasTools) {
  byId("chat-title").textContent = byId("chat-title").title = text;
  byId("chat-tools").hidden = !hasTools;
  document.title = `${text} · Parley`;
}

async function rename() {
  const input = byId("rename-input");
  input.value = byId("chat-title").textContent;
  if ((await answerOf(byId("rename-dialog"))) !== "use" || !input.value.trim()) return;
  await attempt(async () => {
    await rest.rename(conversation.sessionId, input.value.trim());
    title(input.value.trim(), true);
    await sessions.refresh(conversation.sessionId);
  });
}

async function remove() {
  byId("delete-what").textContent = `“${byId("chat-title").textContent}” and every message in it.`;
  if ((await answerOf(byId("delete-dialog"))) !== "delete") return;
  await attempt(async () => {
    await rest.remove(conversation.sessionId);
    begin();
  });
}

async function save() {
  const format = await answerOf(byId("export-dialog"));
  if (format !== "json" && format !== "markdown") return;
  await attempt(async () => {
    const file = await rest.exported(conversation.sessionId, format);
    download(file, `${conversation.sessionId}.${format === "json" ? "json" : "md"}`);
  });
}

/** A step that may fail, and says so above the thread. */
async function attempt(step) {
  try {
    await step();
  } catch (problem) {
    const line = byId("chat-link");
    line.textContent = problem.message;
    line.hidden = false;
  }
}
