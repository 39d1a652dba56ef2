// What happened, in words. Pure.

const NAMES = {
  coqui: "Coqui", google: "Google Cloud", kokoro: "Kokoro", espeak: "eSpeak", simulated: "a simulated tone",
  vosk: "Vosk", whisper: "Whisper",
};
const REASONS = {
  not_installed: "is not installed", no_credentials: "has no credentials", no_model: "has no model",
  unsupported_language: "does not have this language", language_unknown: "cannot detect a language", unsupported_voice: "does not have this voice",
  breaker_open: "failed repeatedly and rests", timeout: "was too slow", stuck: "hangs", error: "failed",
  low_confidence: "was not sure",
};
const NEVER_AT_HAND = new Set([
  "not_installed", "no_credentials", "no_model", "unsupported_language", "unsupported_voice", "language_unknown",
]);

export const engineName = (name) => NAMES[name] ?? name;

/** Sentences about engines that were at hand and did not serve: those, a user should hear of. */
export function failures(attempts) {
  return attempts
    .filter(({ outcome }) => outcome !== "ok" && !NEVER_AT_HAND.has(outcome))
    .map(({ engine, outcome }) => `${engineName(engine)} ${REASONS[outcome] ?? `failed (${outcome})`}`);
}

/** `coqui=not_installed,kokoro=ok` as a list. */
export function attemptsOf(header) {
  return (header ?? "").split(",").filter(Boolean).map((part) => {
    const [engine, outcome] = part.split("=");
    return { engine, outcome };
  });
}

export const seconds = (value) => `${value.toFixed(value < 10 ? 2 : 1)} s`;
