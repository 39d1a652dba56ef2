// Push to talk: what is said is shown as it is heard, asked, and the answer spoken sentence by sentence.

import { openMicrophone } from "../audio/microphone.js";
import { Conversation } from "../chat/conversation.js";
import { attemptsOf, degradation, enginesOf } from "../wording.js";
import { StopWatch, caption } from "./captions.js";
import { Recording } from "./recording.js";
import { Sentences } from "./sentences.js";
import { Speaker } from "./speaker.js";

const RATE_HZ = 16_000;
const SHORTEST_SECONDS = 0.3;

export class PushToTalk {
  /** `onState(state)`: idle, listening, understanding, thinking, speaking; `onLevel(0…1)`; `onProblem(problem)`. */
  constructor(sessionId, { onState, onLevel, onProblem }) {
    this._on = { onState, onLevel, onProblem };
    this._sessionId = sessionId;
    this._recording = null;
    this._turn = null;
  }

  /** Listens. Whatever was being said or answered is cut off. */
  async press() {
    this.interrupt();
    this._recording?.drop();
    this._recording = new Recording(RATE_HZ);
    this._on.onState("listening");
    try {
      this._microphone ??= await openMicrophone({ sampleRateHz: RATE_HZ, onPiece: (piece) => this._take(piece) });
    } catch (problem) {
      this._recording?.drop();
      this._recording = null;
      this._on.onState("idle");
      this._on.onProblem(problem);
    }
  }

  /** Has what was said answered. */
  async release() {
    const recording = this._recording;
    if (!recording) return;
    this._recording = null;
    this._on.onLevel(0);
    if (recording.seconds < SHORTEST_SECONDS) {
      recording.drop();
      this._on.onState("idle");
      return;
    }
    this._turn = new Turn(this._conversation(), this._on);
    await this._turn.run(recording);
  }

  /** Barge-in: silence at once, and the model need not go on either. */
  interrupt() {
    this._turn?.stop();
    this._turn = null;
  }

  close() {
    this.interrupt();
    this._microphone?.close();
    this._microphone = null;
    this._recording?.drop();
    this._recording = null;
    this._talk?.close();
  }

  /** The microphone stays open, so that no first word is lost; what nobody holds the button for is dropped. */
  _take({ level, pcm }) {
    if (!this._recording) return;
    this._recording.take(pcm);
    this._on.onLevel(level);
  }

  _conversation() {
    if (!this._talk) {
      this._talk = new Conversation(this._sessionId, { onChange: () => this._turn?.answerChanged(), onLink: () => {} });
      this._talk.open({ isNew: true });
    }
    return this._talk;
  }
}

/** One question and its answer. */
class Turn {
  constructor(conversation, on) {
    this._conversation = conversation;
    this._on = on;
    this._sentences = new Sentences();
    this._abort = new AbortController();
    this._watch = new StopWatch();
  }

  async run(recording) {
    this._on.onState("understanding");
    try {
      const text = await recording.words(this._abort.signal);
      this._watch.note("transcript");
      if (!this._stopped) this._ask(text);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this._end(problem);
    }
  }

  stop() {
    this._abort.abort();
    this._speaker?.stop();
    if (this._question && !this._answered) this._conversation.stop();
  }

  /** The thread has changed: what is new of the answer is shown and spoken. */
  answerChanged() {
    if (!this._question || this._stopped || this._answered) return;
    if (["unanswered", "refused"].includes(this._question.status)) {
      this._end(this._question.problem ?? new Error("This question was not answered."));
      return;
    }
    const reply = this._conversation.thread.messages.find(({ inReplyTo }) => inReplyTo === this._question.id);
    if (reply?.content) this._follow(reply);
  }

  get _stopped() {
    return this._abort.signal.aborted;
  }

  _ask(text) {
    this._on.onState("thinking");
    this._speaker = new Speaker({
      onFirstSound: () => this._firstSound(),
      onVoice: (headers) => this._noteVoice(headers),
      onProblem: (problem) => this._on.onProblem(problem),
    });
    this._question = this._conversation.send(text, null);
  }

  _follow(reply) {
    this._watch.note("token");
    this._caption ??= caption("parley");
    this._caption.text(reply.content);
    for (const sentence of this._sentences.next(reply.content)) this._speaker.say(sentence);
    if (reply.status === "writing") return;
    this._answered = true;
    if (reply.degraded) this._caption.warn(`Answered by ${reply.model}: the model before it in line did not answer.`);
    for (const sentence of this._sentences.rest(reply.content)) this._speaker.say(sentence);
    this._speaker.finished().then(() => this._stopped || this._on.onState("idle"));
  }

  _firstSound() {
    this._watch.note("sound");
    if (!this._stopped) this._on.onState("speaking");
  }

  _noteVoice(headers) {
    const degraded = degradation("Spoken", enginesOf(headers.get("X-Engine")), attemptsOf(headers.get("X-Attempts")));
    if (degraded) this._caption.warn(degraded);
  }

  _end(problem) {
    this._answered = true;
    this._on.onState("idle");
    this._on.onProblem(problem);
  }
}
