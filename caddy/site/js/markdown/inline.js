// Markdown within a line, as DOM nodes. Text becomes text nodes: nothing of it is ever parsed as HTML.
//
// Every search is bounded, so that a hostile answer costs no more time than a long one.
// Source: CommonMark 0.31.2, 6; GitHub Flavored Markdown, 6.5 and 6.9.

import { element } from "../dom.js";
import { safeAddress } from "./links.js";

const REACH = 2000; // how far a closing mark may be from its opening one
const CANDIDATES = 16; // closing marks that are looked at for one opening mark
const DEPTH = 6;
const MARKS = [["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];
const SPECIAL = /[\\`*_~[!<h]/g;
const WORD = /[\p{L}\p{N}]/u;

/** The nodes of one run of text. */
export function inline(text, depth = 0) {
  const nodes = [];
  let at = 0;
  let plain = 0;
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const found = SPECIAL.exec(text);
    if (!found) break;
    at = found.index;
    const taken = depth < DEPTH ? take(text, at, depth) : null;
    if (taken) {
      if (at > plain) nodes.push(text.slice(plain, at));
      nodes.push(...taken.nodes);
      at = plain = taken.end;
    } else {
      at += 1;
    }
  }
  if (plain < text.length) nodes.push(text.slice(plain));
  return nodes;
}

/** What stands at this place: its nodes and where it ends; null where it is only text. */
function take(text, at, depth) {
  switch (text[at]) {
    case "\\":
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? { nodes: [text[at + 1]], end: at + 2 } : null;
    case "`":
      return code(text, at);
    case "[":
      return link(text, at, depth);
    case "!":
      return text[at + 1] === "[" ? image(text, at) : null;
    case "<":
      return bracketedAddress(text, at);
    case "h":
      return bareAddress(text, at);
    default:
      return emphasis(text, at, depth);
  }
}

/** A run of backticks that nothing closes is text, all of it. */
function code(text, at) {
  const mark = /^`+/.exec(text.slice(at, at + REACH))[0];
  const start = at + mark.length;
  for (const close of candidates(text, mark, start)) {
    if (text[close + mark.length] === "`" || text[close - 1] === "`") continue;
    const inside = text.slice(start, close).replace(/^ (.*[^ ].*) $/s, "$1");
    return { nodes: [element("code", "", inside)], end: close + mark.length };
  }
  return { nodes: [mark], end: start };
}

function emphasis(text, at, depth) {
  for (const [mark, tag] of MARKS) {
    if (!text.startsWith(mark, at)) continue;
    const close = closing(text, mark, at);
    if (close < 0) continue;
    return { nodes: [element(tag, "", ...inline(text.slice(at + mark.length, close), depth + 1))], end: close + mark.length };
  }
  return null;
}

/** Where the emphasis ends that opens here; -1 where it does not open, or never ends. */
function closing(text, mark, at) {
  const start = at + mark.length;
  const withinWord = mark[0] === "_" && WORD.test(text[at - 1] ?? "");
  if (withinWord || /^\s?$/.test(text[start] ?? "")) return -1;
  for (const close of candidates(text, mark, start + 1)) {
    const after = text[close + mark.length] ?? "";
    const runsOn = mark.length === 1 && (after === mark || text[close - 1] === mark);
    if (!/\s/.test(text[close - 1]) && !runsOn && !(mark[0] === "_" && WORD.test(after))) return close;
  }
  return -1;
}

function link(text, at, depth) {
  const parts = linkParts(text, at);
  if (!parts) return null;
  const address = safeAddress(parts.target);
  const label = inline(parts.label, depth + 1);
  const nodes = address ? [anchor(address, ...label)] : [...label, ` (${parts.target})`];
  return { nodes, end: parts.end };
}

/** An image is told of, not fetched: fetching would tell its server that the answer was read. */
function image(text, at) {
  const parts = linkParts(text, at + 1);
  if (!parts) return null;
  const label = `Image: ${parts.label || parts.target}`;
  const address = safeAddress(parts.target);
  return { nodes: [address ? anchor(address, label) : `${label} (${parts.target})`], end: parts.end };
}

function linkParts(text, at) {
  const middle = find(text, "](", at + 1);
  if (middle < 0 || text.slice(at + 1, middle).includes("[")) return null;
  const target = /^\s*<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/.exec(text.slice(middle + 2, middle + 2 + REACH));
  if (!target) return null;
  return { label: text.slice(at + 1, middle), target: target[1], end: middle + 2 + target[0].length };
}

function bracketedAddress(text, at) {
  const close = find(text, ">", at);
  const address = close < 0 || /\s/.test(text.slice(at, close)) ? null : safeAddress(text.slice(at + 1, close));
  return address ? { nodes: [anchor(address, text.slice(at + 1, close))], end: close + 1 } : null;
}

function bareAddress(text, at) {
  if (!text.startsWith("http", at) || WORD.test(text[at - 1] ?? "")) return null;
  const match = /^https?:\/\/[^\s<>"'`]+/.exec(text.slice(at, at + REACH));
  if (!match) return null;
  const shown = match[0].replace(/[.,;:!?*_~)\]}]+$/, "");
  const address = safeAddress(shown);
  return address ? { nodes: [anchor(address, shown)], end: at + shown.length } : null;
}

function anchor(address, ...label) {
  const node = element("a", "", ...label);
  node.href = address;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  node.title = address;
  return node;
}

function* candidates(text, mark, from) {
  let close = find(text, mark, from);
  for (let count = 0; close >= 0 && count < CANDIDATES; count += 1) {
    yield close;
    close = find(text, mark, close + mark.length);
  }
}

function find(text, mark, from) {
  const reach = text.slice(from, from + REACH).indexOf(mark);
  return reach < 0 ? -1 : from + reach;
}
