// Draws a thread: one node for each message, redrawn only when it has changed, at the pace of the screen.

import { button, byId, copyButton, element, problemCard, warning } from "../dom.js";
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
    this._atEnd = true;
    this._top = 0;
    this._sizes = new ResizeObserver(() => this._atEnd && this.scrollToEnd());
    this._box.addEventListener("scroll", () => this._scrolled(), { passive: true });
    byId("thread-newest").addEventListener("click", () => {
      this.scrollToEnd();
      this._box.focus({ preventScroll: true });
    });
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
    this._stay(true);
  }

  /** Only somebody who scrolls up leaves the end: a thread that grows, or is laid out late, does not. */
  _scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this._box;
    if (scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX) this._stay(true);
    else if (scrollTop < this._top) this._stay(false);
    this._top = scrollTop;
  }

  _stay(atEnd) {
    this._atEnd = atEnd;
    byId("thread-newest").hidden = atEnd;
  }

  _clear() {
    this._nodes.clear();
    this._sizes.disconnect();
    this._box.replaceChildren();
    this._stay(true);
  }

  _drawNow() {
    if (!this._conversation) return;
    const { thread, olderThan } = this._conversation;
    if (!thread.messages.length) return;
    this._box.querySelector(".thread-note")?.remove();
    this._drawOlder(olderThan);
    const wanted = new Set(thread.messages.map((message) => message.id));
    for (const [id, node] of this._nodes) if (!wanted.has(id)) this._remove(id, node);
    let place = this._box.querySelector(".message");
    for (const message of thread.messages) place = this._drawMessage(message, place);
    if (this._atEnd) this.scrollToEnd();
  }

  _remove(id, node) {
    this._sizes.unobserve(node);
    node.remove();
    this._nodes.delete(id);
  }

  _drawOlder(olderThan) {
    const present = this._box.querySelector(".older");
    if (olderThan && !present) this._box.prepend(element("div", "older", button("Earlier messages", this._onOlder, { className: "quiet" })));
    if (!olderThan) present?.remove();
  }

  /** At this place, before what is there if it is not the message's own node; returns the place after it. */
  _drawMessage(message, place) {
    let node = this._nodes.get(message.id);
    if (!node) {
      node = frame(message);
      this._nodes.set(message.id, node);
      this._sizes.observe(node);
    }
    if (place !== node) this._box.insertBefore(node, place);
    const looks = `${message.status}${message.content.length}${message.problem?.message ?? ""}`;
    if (node.looks !== looks) {
      node.looks = looks;
      fill(node, message, this._onRetry);
      this._announce(message);
    }
    return node.nextElementSibling;
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
  const copy = copyButton("Copy the answer", () => message.content, { className: "quiet", labelHidden: true });
  parts.push(element("div", "about", element("span", "", about), copy));
  return parts;
}
