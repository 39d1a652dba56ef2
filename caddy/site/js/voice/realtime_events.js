// The OpenAI Realtime events that a conversation here needs, under their released and their earlier names. Pure.

const EARLIER_NAMES = {
  "response.audio.delta": "response.output_audio.delta",
  "response.audio.done": "response.output_audio.done",
  "response.audio_transcript.delta": "response.output_audio_transcript.delta",
  "response.audio_transcript.done": "response.output_audio_transcript.done",
};

export const kindOf = ({ type }) => EARLIER_NAMES[type] ?? type;

/** 16-bit PCM of an event, out of base64. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

export function base64Of(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}
