// Segments as SubRip and WebVTT, the way the voice service writes them: no second transcription for a file. Pure.

const LINE_CHARS = 42;

export function asSrt(segments) {
  return segments.map((segment, index) => `${index + 1}\n${span(segment, ",")}\n${wrap(segment.text)}\n`).join("\n");
}

export function asVtt(segments) {
  return ["WEBVTT\n", ...segments.map((segment) => `${span(segment, ".")}\n${escaped(wrap(segment.text))}\n`)].join("\n");
}

function span({ start_seconds: start, end_seconds: end }, mark) {
  return `${stamp(start, mark)} --> ${stamp(end, mark)}`;
}

function stamp(seconds, mark) {
  const milliseconds = Math.round(seconds * 1000);
  const part = (unit, modulus) => String(Math.floor(milliseconds / unit) % modulus).padStart(2, "0");
  return `${part(3_600_000, 100)}:${part(60_000, 60)}:${part(1000, 60)}${mark}${String(milliseconds % 1000).padStart(3, "0")}`;
}

function wrap(text) {
  const lines = [""];
  for (const word of text.trim().split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length > LINE_CHARS && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join("\n");
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
