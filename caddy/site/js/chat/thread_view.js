// Draws a thread: one node for each message, redrawn only when it has changed, at the pace of the screen.

import { button, byId, element, problemCard, warning } from "../dom.js";
import { renderMarkdown } from "../markdown/render.js";

const NEAR_THE_END_PX = 80;
const OPEN = new Set(["sending", "pending", "writing"]);
const ANNOUNCED_CHARS = 600;

export class ThreadView {
  /** `onRetry(message)`, `onOlder()`. */
  constructor({ onRetry, onOlder }) {
    this._box = byId("thread");
    this._onRetry = onRetry;
    this._onOlder = onOlder;
    this._nodes = new Map();
    this._awaited = new Set();
    this._queued = false;
  }

  /** A short text instead of messages: empty, loading, or what went wrong. */
  say(...content) {
    this._clear();
    this._box.append(element("div", "thread-note", ...content));
  }

  /** Draws at the next frame of the screen; as often as one likes. */
  draw(conversation) {
    this._conversation = conversation;
    if (this._queued) return;
    this._queued = true;
    requestAnimationFrame(() => {
      this._queued = false;
      this._drawNow();
    });
  }

  /** Forgets the conversation: another one follows. */
  reset() {
    this._conversation = null;
    this._awaited.clear();
    this._clear();
  }

  scrollToEnd() {
    this._box.scrollTop = this._box.scrollHeight;
  }

  _clear() {
    this._nodes.clear();
    this._box.replaceChildren();
  }

  _drawNow() {
    if (!this._conversation) return;
    const { thread, olderThan } = this._conversation;
    if (!thread.messages.length) return;
    const atEnd = this._box.scrollHeight - this._box.scrollTop - this._box.clientHeight < NEAR_THE_END_PX;
    this._box.querySelector(".thread-note")?.remove();
    this._drawOlder(olderThan);
    const wanted = new Set(thread.messages.map((message) => message.id));
    for (const [id, node] of this._nodes) if (!wanted.has(id)) this._remove(id, node);
    thread.messages.forEach((message, index) => this._drawMessage(message, index));
    if (atEnd) this.scrollToEnd();
  }

  _remove(id, node) {
    node.remove();
    this._nodes.delete(id);
  }

  _drawOlder(olderThan) {
    const present = this._box.querySelector(".older");
    if (olderThan && !present) this._box.prepend(element("div", "older", button("Earlier messages", this._onOlder, { className: "quiet" })));
    if (!olderThan) present?.remove();
  }

  _drawMessage(message, index) {
    let node = this._nodes.get(message.id);
    if (!node) {
      node = frame(message);
      this._nodes.set(message.id, node);
    }
    const place = [...this._box.children].filter((child) => child.matches(".message"))[index];
    if (place !== node) this._box.insertBefore(node, place ?? null);
    const looks = `${message.status}${message.content.length}${message.problem?.message ?? ""}`;
    if (node.looks === looks) return;
    node.looks = looks;
    fill(node, message, this._onRetry);
    this._announce(message);
  }

  /** A screen reader hears an answer when it is whole, not word by word; and none of an old conversation. */
  _announce({ role, id, inReplyTo, status, content }) {
    const question = role === "user" ? id : inReplyTo;
    if (OPEN.has(status)) this._awaited.add(question);
    else if (role === "assistant" && this._awaited.delete(question)) {
      byId("chat-announcer").textContent = content.slice(0, ANNOUNCED_CHARS);
    }
  }
}

function frame(message) {
  const speaker = element("h3", "visually-hidden", message.role === "user" ? "You" : "Parley");
  const node = element("article", `message ${message.role}`, speaker, element("div", "content"), element("div", "foot"));
  node.dataset.id = message.id;
  return node;
}

function fill(node, message, onRetry) {
  const content = node.querySelector(".content");
  node.dataset.status = message.status;
  if (message.role === "user") content.textContent = message.content;
  else renderMarkdown(content, message.content);
  content.classList.toggle("waiting", message.status === "writing" && !message.content);
  node.ariaBusy = message.status === "writing" ? "true" : null;
  node.querySelector(".foot").replaceChildren(...(message.role === "user" ? questionFoot(message, onRetry) : replyFoot(message)));
}

function questionFoot(message, onRetry) {
  const again = button("Try again", () => onRetry(message), { iconName: "retry" });
  if (message.status === "refused") return [problemCard(message.problem, again)];
  if (message.status === "unanswered") {
    return [problemCard(message.problem ?? new Error("This message was not answered."), again)];
  }
  return message.problem ? [warning(message.problem.message)] : [];
}

function replyFoot(message) {
  if (message.status === "writing") return [];
  const parts = [];
  if (message.degraded) parts.push(warning(`Answered by ${message.model} (${message.provider}): the model before it in line did not answer.`));
  const about = [message.model, message.status === "cancelled" && "stopped"].filter(Boolean).join(" · ");
  const copy = button("Copy the answer", () => navigator.clipboard.writeText(message.content), {
    className: "quiet only-icon", iconName: "copy", labelHidden: true,
  });
  parts.push(element("div", "about", element("span", "", about), copy));
  return parts;
}
