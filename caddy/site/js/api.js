// Calls to the gateway. Every refusal becomes a Problem that can be shown as it is.

import * as token from "./token.js";

const UNREACHABLE = "The gateway does not answer. Is Parley running?";

/** An RFC 9457 problem, or what stands for one when nothing answered. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title || "Something went wrong.");
    this.type = body.type ?? "";
    this.status = body.status ?? 0;
    this.requestId = body.request_id ?? "";
    this.retryAfterSeconds = body.retry_after_seconds;
  }
}

/** A fetch with the token in it. Throws Problem; an abort stays an AbortError. */
export async function call(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${token.current()}` };
  const reply = await fetch(path, { ...options, headers }).catch((error) => {
    throw error.name === "AbortError" ? error : new Problem({ detail: UNREACHABLE });
  });
  if (!reply.ok) throw await problemOf(reply);
  return reply;
}

export async function json(path, options) {
  return (await call(path, options)).json();
}

/** A call with a JSON body. */
export function send(method, path, body, options = {}) {
  const headers = { ...options.headers, "Content-Type": "application/json" };
  return call(path, { ...options, method, headers, body: JSON.stringify(body) });
}

/** A file upload that tells how far it is: fetch cannot. `onProgress` takes 0 to 1. */
export function upload(path, form, { onProgress = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Authorization", `Bearer ${token.current()}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.upload.onload = () => onProgress(1);
    request.onerror = () => reject(new Problem({ detail: UNREACHABLE }));
    request.onabort = () => reject(new DOMException("Cancelled.", "AbortError"));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(refused({ status: request.status, detail: `The gateway answered ${request.status}.`, ...request.response }));
    };
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Server-sent events of a reply's body, as `{event, data}`. EventSource cannot send a header; fetch can. */
export async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (pending + value).split("\n\n");
      pending = blocks.pop();
      yield* blocks.map(parsed).filter((event) => event.data !== "");
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const fields = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  return fields;
}

async function problemOf(reply) {
  const body = await reply.json().catch(() => ({ detail: `The gateway answered ${reply.status}.` }));
  return refused({ status: reply.status, ...body });
}

function refused(body) {
  const problem = new Problem(body);
  if (problem.status === 401) dispatchEvent(new Event("parley:refused"));
  return problem;
}
