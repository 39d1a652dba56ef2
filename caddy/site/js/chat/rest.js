// The chat service's REST routes.

import * as api from "../api.js";

const ROOT = "/api/v1/chat-service/api/v1";
const EVENTS = { Accept: "text/event-stream" };

export const sessions = (before) => api.json(`${ROOT}/chat/sessions${query({ before, limit: 50 })}`);

export const history = (sessionId, before) => api.json(`${ROOT}/chat/history/${sessionId}${query({ before, limit: 50 })}`);

export const rename = (sessionId, title) => api.send("PATCH", `${ROOT}/chat/sessions/${sessionId}`, { title });

export const remove = (sessionId) => api.call(`${ROOT}/chat/sessions/${sessionId}`, { method: "DELETE" });

export const models = () => api.json(`${ROOT}/models`);

/** The whole conversation as a Blob; `format`: json or markdown. */
export async function exported(sessionId, format) {
  return (await api.call(`${ROOT}/chat/sessions/${sessionId}/export${query({ format })}`)).blob();
}

/** Sends a message; yields the frames that a WebSocket would bring. The key makes it safe to send again. */
export function ask({ sessionId, content, model, key }, signal) {
  const body = { message: content, session_id: sessionId, stream: true, idempotency_key: key };
  return frames(`${ROOT}/chat`, model ? { ...body, model } : body, signal);
}

/** Has a kept message answered, or follows its answer from the beginning; yields the same frames. */
export function answerAgain(sessionId, messageId, model, signal) {
  const body = model ? { stream: true, model } : { stream: true };
  return frames(`${ROOT}/chat/sessions/${sessionId}/messages/${messageId}/retry`, body, signal);
}

async function* frames(path, body, signal) {
  const reply = await api.send("POST", path, body, { headers: EVENTS, signal });
  for await (const { data } of api.events(reply)) yield JSON.parse(data);
}

function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
