// Calls to the gateway. Every refusal becomes a Problem that can be shown as it is.

import * as token from "./token.js";

/** An RFC 9457 problem, or what stands for one when nothing answered. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title || "Something went wrong.");
    this.status = body.status ?? 0;
    this.requestId = body.request_id ?? "";
    this.retryAfterSeconds = body.retry_after_seconds;
  }
}

/** A fetch with the token in it. Throws Problem. */
export async function call(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${token.current()}` };
  const reply = await fetch(path, { ...options, headers }).catch(() => {
    throw new Problem({ detail: "The gateway does not answer. Is Parley running?" });
  });
  if (!reply.ok) throw await problemOf(reply);
  return reply;
}

export async function json(path, options) {
  return (await call(path, options)).json();
}

/** A file upload that tells how far it is: fetch cannot. `onProgress` takes 0 to 1. */
export function upload(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Authorization", `Bearer ${token.current()}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new Problem({ detail: "The gateway does not answer. Is Parley running?" }));
    request.onload = () =>
      request.status === 200 ? resolve(request.response) : reject(new Problem(request.response ?? {}));
    request.send(form);
  });
}

async function problemOf(reply) {
  const body = await reply.json().catch(() => ({ detail: `The gateway answered ${reply.status}.` }));
  return new Problem({ status: reply.status, ...body });
}
