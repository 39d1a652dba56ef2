// A transcript as a card: the words light up as they are heard, and can be taken along as a file.

import { button, download, element, facts, warning } from "./dom.js";
import { asSrt, asVtt } from "./subtitles.js";
import { absences, clock, degradation, engineName, routing, seconds } from "./wording.js";

let audioAddress = "";

/** `heard`: the transcription's reply, verbose. `sound`: what it was made of. */
export function transcriptCard(heard, sound, name) {
  const card = element("div", "card", player(sound));
  const degraded = degradation("Heard", engineName(heard.engine), heard.attempts);
  if (degraded) card.append(warning(degraded));
  card.append(heard.text ? words(heard, card.firstChild) : element("p", "nothing transcript", "Nothing was said."));
  card.append(facts(whoHeard(heard), routing(heard.routing), ...absences(heard.attempts).map((clause) => `${clause}.`)));
  if (heard.text) card.append(files(heard, name));
  return card;
}

function whoHeard(heard) {
  if (!heard.engine) return "";
  const language = heard.language ? `, language ${heard.language}` : "";
  return `Heard by ${engineName(heard.engine)} (${heard.model}${language}): ${seconds(heard.duration_seconds)} of sound in `
    + `${seconds(heard.processing_seconds)}.`;
}

function player(sound) {
  URL.revokeObjectURL(audioAddress);
  audioAddress = URL.createObjectURL(sound);
  const node = element("audio");
  node.controls = true;
  node.ariaLabel = "The recording";
  node.src = audioAddress;
  return node;
}

/** A line for each segment: a button that goes there, and its words. */
function words(heard, audio) {
  const timed = [];
  const lines = heard.segments.map((segment) => {
    const go = button(clock(segment.start_seconds), () => playFrom(audio, segment.start_seconds));
    go.ariaLabel = `Play from ${clock(segment.start_seconds)}`;
    return element("li", "", go, element("span", "", ...wordsOf(segment, timed)));
  });
  const list = element("ol", "transcript", ...lines);
  list.ariaLabel = "Transcript";
  if (heard.language) list.lang = heard.language;
  list.addEventListener("click", ({ target }) => {
    const word = timed.find(({ node }) => node === target);
    if (word) playFrom(audio, word.start);
  });
  follow(audio, timed);
  return list;
}

function wordsOf(segment, timed) {
  if (!segment.words?.length) return [segment.text];
  return segment.words.flatMap((word) => {
    const node = element("span", "word", word.text.trim());
    timed.push({ node, start: word.start_seconds, end: word.end_seconds });
    return [node, " "];
  });
}

function playFrom(audio, start) {
  audio.currentTime = start;
  audio.play().catch(() => {});
}

/** Lights the word that is being heard, as often as the screen is drawn. */
function follow(audio, timed) {
  let lit = null;
  let line = null;
  const light = () => {
    const now = audio.currentTime;
    const word = timed.findLast(({ start }) => start <= now);
    const next = word && now < word.end + 0.15 ? word.node : null;
    if (next !== lit) {
      lit?.classList.remove("now");
      next?.classList.add("now");
      if (next && !audio.paused) keepInSight(next.closest("li"), line);
      line = next?.closest("li") ?? line;
      lit = next;
    }
    if (!audio.paused && audio.isConnected) requestAnimationFrame(light);
  };
  for (const event of ["play", "seeked", "pause"]) audio.addEventListener(event, light);
}

/** The page follows what is heard, unless its reader has gone elsewhere: then the last line is out of sight. */
function keepInSight(line, before) {
  if (line === before || (before && !isInSight(before))) return;
  line.scrollIntoView({ block: "nearest" });
}

function isInSight(node) {
  const { top, bottom } = node.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function files(heard, name) {
  const stem = name.replace(/\.[^.]*$/, "");
  const offer = (label, extension, type, made) =>
    button(label, () => download(new Blob([made], { type }), `${stem}.${extension}`), { iconName: "download" });
  return element(
    "div", "row",
    offer("Text", "txt", "text/plain", `${heard.text}\n`),
    offer("SRT", "srt", "application/x-subrip", asSrt(heard.segments)),
    offer("VTT", "vtt", "text/vtt", asVtt(heard.segments)),
  );
}
