// What was said in a conversation, and what the service's frames do to it. Pure.
//
// A message is `{id, role, content, status, problem, …}`. Of a user's: sending, pending, answered, unanswered,
// refused. Of a reply: writing, complete, cancelled; `seq` is that of the last piece that was put in.

import { Problem } from "../api.js";

export class Thread {
  constructor() {
    this.messages = [];
  }

  /** The reply that is being written, if there is one. */
  get writing() {
    return this.messages.findLast(({ status }) => status === "writing");
  }

  get unsent() {
    return this.messages.filter(({ status }) => status === "sending");
  }

  get busy() {
    return this.messages.some(({ status }) => status === "writing" || status === "sending" || status === "pending");
  }

  find(id) {
    return this.messages.find((message) => message.id === id);
  }

  say(id, content) {
    const message = { id, role: "user", content, status: "sending", createdAt: new Date().toISOString() };
    this.messages.push(message);
    return message;
  }

  /** Puts a page of history before what is there. A reply under way comes with its question. */
  prepend(page) {
    this.messages.unshift(...page.flatMap(withReplyUnderWay).filter(({ id }) => !this.find(id)));
  }

  /** Applies a frame. Returns "gap" if pieces are missing before it, so that the reply must be resumed. */
  apply(frame) {
    switch (frame.type) {
      case "ack":
        return this._acknowledge(frame);
      case "delta":
        return this._grow(frame);
      case "done":
        return this._finish(frame);
      case "error":
        return this._fail(frame);
      default:
        return undefined;
    }
  }

  /** `askedAs`: the id that the message went by until the service gave it its own. */
  adopt(askedAs, ack) {
    const message = this.find(askedAs);
    if (message) message.id = ack.id;
  }

  _acknowledge(ack) {
    const question = this.find(ack.id);
    if (!question) return;
    Object.assign(question, { status: "pending", replyId: ack.message_id, problem: null });
    if (this.find(ack.message_id)) return;
    this.messages.splice(this.messages.indexOf(question) + 1, 0, reply(ack.message_id, question.id));
  }

  _grow({ message_id: id, seq, content, reset }) {
    const message = this.find(id);
    if (!message || message.status !== "writing" || seq <= message.seq) return undefined;
    if (seq > message.seq + 1) return "gap";
    message.content = reset ? "" : message.content + content;
    message.seq = seq;
    return undefined;
  }

  _finish(done) {
    const message = this.find(done.message_id);
    if (!message || message.status !== "writing") return undefined;
    if (done.seq > message.seq + 1) return "gap";
    Object.assign(message, factsOf(done), { status: done.finish_reason === "cancelled" ? "cancelled" : "complete" });
    this._questionOf(message, message.content ? "answered" : "unanswered");
    if (!message.content) this._drop(message);
    return undefined;
  }

  /** A reply that failed leaves its question unanswered; one that was refused never became a message. */
  _fail({ message_id: replyId, id, problem }) {
    const message = this.find(replyId);
    if (message) {
      this._questionOf(message, "unanswered", new Problem(problem));
      this._drop(message);
      return;
    }
    const question = this.find(id);
    if (question) Object.assign(question, { status: "refused", problem: new Problem(problem) });
  }

  _questionOf({ inReplyTo }, status, problem = null) {
    const question = this.find(inReplyTo);
    if (question) Object.assign(question, { status, problem });
  }

  _drop(message) {
    this.messages = this.messages.filter((other) => other !== message);
  }
}

function withReplyUnderWay(stored) {
  const message = {
    id: stored.id, role: stored.role, content: stored.content, status: stored.status, createdAt: stored.created_at,
    replyId: stored.reply_id, inReplyTo: stored.in_reply_to,
    ...(stored.role === "assistant" ? factsOf(stored) : {}),
  };
  return stored.status === "pending" && stored.reply_id ? [message, reply(stored.reply_id, stored.id)] : [message];
}

function reply(id, inReplyTo) {
  return { id, role: "assistant", content: "", status: "writing", seq: 0, inReplyTo, createdAt: new Date().toISOString() };
}

function factsOf({ model, provider, degraded, usage }) {
  return { model, provider, degraded, usage };
}
