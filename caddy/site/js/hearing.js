// Has a recording transcribed: a short one while its request waits, a long one as a job, which tells how far it is.

import * as api from "./api.js";

const TRANSCRIBE = "/api/v1/voice/stt/transcribe";
const JOBS = "/api/v1/voice/stt/jobs";
const JOB_FROM_SECONDS = 90; // a job goes by pieces of 45 s: below two of them it has nothing to tell
const JOB_FROM_BYTES = 4 * 2 ** 20; // where the browser cannot tell the length
const LENGTH_PATIENCE_MS = 2000;
const FOLLOW_AGAIN_MS = 1500;

/**
 * The transcription's reply, verbose. `onUpload` takes 0 to 1, then `onHeard` 0 to 1, or null where nothing tells.
 * Throws Problem; an abort stays an AbortError, and ends the job too.
 */
export async function hear(sound, name, asked, { onUpload, onHeard, signal }) {
  const form = formOf(sound, name, asked);
  if (await isLong(sound)) {
    const job = await submitted(form, { onUpload, signal });
    if (job) return followed(job, { onHeard, signal });
  }
  const onProgress = (part) => (part < 1 ? onUpload(part) : onHeard(null));
  return api.upload(TRANSCRIBE, form, { onProgress, signal });
}

function formOf(sound, name, { language, engine }) {
  const form = new FormData();
  form.append("audio", sound, name);
  form.append("language", language);
  form.append("engine", engine);
  form.append("response_format", "verbose_json");
  form.append("word_timestamps", "true");
  return form;
}

async function isLong(sound) {
  if (!sound.size) return false;
  const seconds = await lengthOf(sound);
  return Number.isFinite(seconds) ? seconds >= JOB_FROM_SECONDS : sound.size >= JOB_FROM_BYTES;
}

/** In seconds, as the browser reads it; NaN where it cannot. */
function lengthOf(sound) {
  return new Promise((resolve) => {
    const probe = document.createElement("audio");
    const address = URL.createObjectURL(sound);
    const told = () => {
      URL.revokeObjectURL(address);
      resolve(probe.duration);
    };
    probe.preload = "metadata";
    probe.onloadedmetadata = probe.onerror = told;
    setTimeout(told, LENGTH_PATIENCE_MS);
    probe.src = address;
  });
}

/** The job, or null where this installation keeps none: then a plain request does as well. */
async function submitted(form, { onUpload, signal }) {
  try {
    return await api.upload(JOBS, form, { onProgress: onUpload, signal });
  } catch (problem) {
    if (problem.status === 503 || problem.status === 429) return null;
    throw problem;
  }
}

async function followed({ job_id: id }, { onHeard, signal }) {
  const path = `${JOBS}/${id}`;
  const cancel = () => api.call(path, { method: "DELETE" }).catch(() => {});
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel);
  try {
    const ended = await theEnd(path, onHeard, signal);
    if (ended.state === "cancelled") throw new DOMException("Cancelled.", "AbortError");
    if (ended.problem) throw new api.Problem(ended.problem);
    return (await api.json(path, { signal })).result;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** Follows the job to its end. A stream that breaks off costs nothing: the job goes on, and so does the next stream. */
async function theEnd(path, onHeard, signal) {
  for (;;) {
    try {
      const reply = await api.call(`${path}/events`, { signal });
      for await (const { event, data } of api.events(reply)) {
        const job = JSON.parse(data);
        if (event !== "progress") return job;
        onHeard(job.pieces_total ? job.progress : null);
      }
    } catch (problem) {
      if (problem.name === "AbortError" || (problem.status && problem.status !== 503)) throw problem;
    }
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_AGAIN_MS));
  }
}
