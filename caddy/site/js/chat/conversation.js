// One conversation: sends, follows, stops, retries; over the WebSocket, and over REST where that does not open.

import { Problem } from "../api.js";
import * as rest from "./rest.js";
import { Thread } from "./thread.js";
import { Wire } from "./wire.js";

const FRAME_BYTES = 48 * 1024; // the service takes frames of 64 KiB, escapes included
const FOLLOW_AGAIN_MS = 1500;

export class Conversation {
  /** `onChange()`: the thread has changed; `onLink(state)`: the wire's state has. */
  constructor(sessionId, { onChange, onLink }) {
    this.sessionId = sessionId;
    this.thread = new Thread();
    this.title = "";
    this.olderThan = null;
    this._onChange = onChange;
    this._onLink = onLink;
    this._overRest = new Map();
  }

  /** Connects; of a conversation that exists, with its history. Throws Problem. */
  async open({ isNew }) {
    if (!isNew) await this._load();
    if (this._closed) return;
    this._wire = new Wire(this.sessionId, { onFrame: (frame) => this._take(frame), onState: (state) => this._linkTurned(state) });
  }

  close() {
    this._closed = true;
    this._wire?.close();
    for (const abort of this._overRest.values()) abort.abort();
  }

  async loadOlder() {
    await this._load(this.olderThan);
  }

  /** Resolves to the message at once; its fate is in its status. */
  send(content, model) {
    const message = this.thread.say(newId(), content);
    message.askedModel = model;
    this._deliver(message);
    this._onChange();
    return message;
  }

  /** Has an unanswered message answered, or a refused one sent again. */
  retry(message, model) {
    message.problem = null;
    if (message.status === "refused") {
      message.status = "sending";
      this._deliver(message);
    } else {
      message.status = "pending";
      this._follow(message, (signal) => rest.answerAgain(this.sessionId, message.id, model, signal));
    }
    this._onChange();
  }

  /** Stops the answer, as far as it got. */
  stop() {
    const { writing } = this.thread;
    if (!writing) return;
    const sent = this._wire.send({ type: "cancel", message_id: writing.id });
    if (!sent) this._overRest.get(writing.inReplyTo)?.abort();
  }

  async _load(before) {
    const page = await rest.history(this.sessionId, before);
    this.title = page.title;
    this.olderThan = page.next_before;
    this.thread.prepend(page.messages);
    this._onChange();
  }

  _deliver(message) {
    const frame = { type: "message", id: message.id, content: message.content };
    if (message.askedModel) frame.model = message.askedModel;
    const fits = new Blob([message.content]).size < FRAME_BYTES;
    if (fits && this._wire?.send(frame)) return;
    if (!fits || this._wire?.state === "unreachable") this._sendOverRest(message);
  }

  _take(frame) {
    if (frame.type === "ready") {
      this._ready();
      return;
    }
    if (this.thread.apply(frame) === "gap") this._resume(frame.message_id);
    if (frame.type === "error") this._afterError(frame);
    this._onChange();
  }

  /** A wire that opens: what was not acknowledged is sent again, what was being written goes on. */
  _ready() {
    for (const message of this.thread.unsent) if (!this._overRest.has(message.id)) this._deliver(message);
    for (const message of this.thread.messages) if (message.status === "writing") this._resume(message.id);
  }

  _resume(replyId) {
    const message = this.thread.find(replyId);
    if (message && !this._overRest.has(message.inReplyTo)) {
      this._wire.send({ type: "resume", message_id: replyId, after_seq: message.seq });
    }
  }

  /** A reply that is too old to be resumed is in the history by now. */
  async _afterError({ problem }) {
    if (problem.status !== 404 || this._closed) return;
    this.thread.messages = this.thread.messages.filter(({ status }) => status === "sending");
    await this._load().catch(() => {});
  }

  _linkTurned(state) {
    this._onLink(state);
    if (state !== "unreachable") return;
    for (const message of this.thread.unsent) this._sendOverRest(message);
    const { writing } = this.thread;
    const question = writing && this.thread.find(writing.inReplyTo);
    if (question) this._follow(question, (signal) => rest.answerAgain(this.sessionId, question.id, null, signal));
  }

  _sendOverRest(message) {
    const key = message.id;
    const asked = { sessionId: this.sessionId, content: message.content, model: message.askedModel, key };
    this._follow(message, (signal) => rest.ask(asked, signal));
  }

  /** Reads an answer as server-sent events; when they break off, from the beginning again. */
  async _follow(question, begin) {
    if (this._overRest.has(question.id)) return;
    const abort = new AbortController();
    this._overRest.set(question.id, abort);
    try {
      await this._readEvents(question, begin(abort.signal));
    } catch (problem) {
      this._brokenOff(question, problem, begin);
    } finally {
      this._overRest.forEach((other, id) => other === abort && this._overRest.delete(id));
      this._onChange();
    }
  }

  async _readEvents(question, frames) {
    for await (const frame of frames) {
      if (frame.type === "ack") this._adopt(question, frame);
      this.thread.apply(frame);
      this._onChange();
    }
  }

  _adopt(question, ack) {
    const abort = this._overRest.get(question.id);
    this._overRest.delete(question.id);
    this.thread.adopt(question.id, ack);
    this._overRest.set(question.id, abort);
  }

  _brokenOff(question, problem, begin) {
    const reply = this.thread.find(question.replyId);
    if (problem.name === "AbortError") {
      if (reply?.status === "writing") reply.status = "cancelled";
    } else if (problem.status) {
      Object.assign(question, { status: question.replyId ? "unanswered" : "refused", problem });
    } else if (!this._closed) {
      question.problem = problem instanceof Problem ? problem : null;
      setTimeout(() => this._closed || this._follow(question, begin), FOLLOW_AGAIN_MS);
    }
  }
}

/** An id of our own, so that a message that is sent twice is one message. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
