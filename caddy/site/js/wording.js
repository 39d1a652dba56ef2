// What happened, in words. Pure.

const ENGINES = {
  coqui: "Coqui", google: "Google Cloud", kokoro: "Kokoro", espeak: "eSpeak", simulated: "a simulated tone",
  vosk: "Vosk", whisper: "Whisper",
};
const SERVICES = {
  "voice-interaction-service": "Speech", "chat-service": "Chat", "langgraph-enhanced": "Agent",
  "gateway-health-monitor": "Health monitor",
};
const REASONS = {
  not_installed: "is not installed", no_credentials: "has no credentials", no_model: "has no model",
  unsupported_language: "does not speak this language", language_unknown: "cannot detect a language",
  unsupported_voice: "does not have this voice", unpronounceable: "cannot pronounce this",
  breaker_open: "failed repeatedly and rests", busy: "is busy", timeout: "was too slow", stuck: "hangs",
  error: "failed", died: "stopped in mid-sentence", load_failed: "could not be loaded", unavailable: "cannot be reached",
  empty: "gave no sound", silence: "gave only silence", not_finite: "gave noise", not_speech: "gave no speech",
  too_long: "went on for too long", too_short: "said too little", cut_off: "stopped too early",
  low_confidence: "was not sure",
};
const NEVER_AT_HAND = new Set([
  "not_installed", "no_credentials", "no_model", "unsupported_language", "unsupported_voice", "language_unknown",
]);

export const engineName = (name) => ENGINES[name] ?? name;
/** As a heading has it. */
export const engineTitle = (name) => engineName(name).replace(/^a /, "A ");
export const serviceName = (name) => SERVICES[name] ?? name;

/** Clauses about engines that were at hand and did not serve: of those, a user should hear. */
export function failures(attempts) {
  return attempts.filter(({ outcome }) => outcome !== "ok" && !NEVER_AT_HAND.has(outcome)).map(clause);
}

/** Clauses about engines that this machine does not have: good to know, no cause for alarm. */
export function absences(attempts) {
  return attempts.filter(({ outcome }) => NEVER_AT_HAND.has(outcome)).map(clause);
}

/** `"Spoken by eSpeak: Kokoro was too slow."`; null when all is as it should be. `did`: "Spoken", "Heard". */
export function degradation(did, engines, attempts) {
  const failed = failures(attempts);
  if (failed.length) return `${did} by ${engines}: ${failed.join("; ")}.`;
  return engines === ENGINES.simulated ? "No voice is at hand: this is only a tone." : null;
}

/** Why this engine was asked first: the length decides, or the request did. */
export function routing({ rule, threshold_seconds: threshold, reason }) {
  const line = `${Number(threshold)} s`;
  return {
    below_threshold: `Recordings shorter than ${line} go to Vosk first.`,
    at_or_above_threshold: `Recordings of ${line} and longer go to Whisper first.`,
    forced: "The engine was chosen by hand.",
  }[rule] ?? reason;
}

/** `coqui=not_installed,kokoro=ok` as a list. */
export function attemptsOf(header) {
  return (header ?? "").split(",").filter(Boolean).map((part) => {
    const [engine, outcome] = part.split("=");
    return { engine, outcome };
  });
}

/** `X-Engine` in words; two engines after a hand-over. */
export const enginesOf = (header) => (header ?? "").split(",").filter(Boolean).map(engineName).join(", then ");

export const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 1 : 0)} s`);

/** 75.2 → "1:15". */
export function clock(value) {
  const whole = Math.floor(value);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

/** A span of seconds, roughly: "12 s", "3 min", "2 h". */
export function span(value) {
  if (value < 60) return `${Math.max(0, Math.round(value))} s`;
  return value < 5400 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}

export const mebibytes = (bytes) => `${Math.round(bytes / 2 ** 20).toLocaleString()} MiB`;

function clause({ engine, outcome }) {
  return `${engineName(engine)} ${REASONS[outcome] ?? `failed (${outcome})`}`;
}
