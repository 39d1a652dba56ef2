// Draws Markdown that came from a model: safe whatever it says, and no slower for being hostile.

import { copyButton, element } from "../dom.js";
import { blocks } from "./blocks.js";
import { inline } from "./inline.js";

const MARKDOWN_CHARS = 60_000; // beyond this it is shown as plain text
const LINE_CHARS = 10_000;
const PIECE_CHARS = 4096;

/** Makes the container show this text. Called again with a longer text, it redraws only what has changed. */
export function renderMarkdown(container, text) {
  if (text.length > MARKDOWN_CHARS || hasEndlessLine(text)) renderPlain(container, text);
  else renderBlocks(container, text);
}

function hasEndlessLine(text) {
  return text.length > LINE_CHARS && text.split("\n").some((line) => line.length > LINE_CHARS);
}

function renderBlocks(container, text) {
  if (container.dataset.plain) clear(container);
  const wanted = blocks(text);
  wanted.forEach((block, index) => {
    const present = container.children[index];
    if (present?.drawnFrom === block.source) return;
    const node = draw(block);
    node.drawnFrom = block.source;
    if (present) present.replaceWith(node);
    else container.append(node);
  });
  while (container.children.length > wanted.length) container.lastChild.remove();
}

/** In pieces, each laid out only when it comes into sight: a megabyte on one line freezes nobody. */
function renderPlain(container, text) {
  if (!container.dataset.plain) clear(container);
  container.dataset.plain = "true";
  const last = container.lastElementChild;
  let from = Math.max(0, container.children.length - 1) * PIECE_CHARS;
  if (last) {
    last.textContent = text.slice(from, from + PIECE_CHARS);
    from += PIECE_CHARS;
  }
  for (; from < text.length; from += PIECE_CHARS) container.append(element("div", "piece", text.slice(from, from + PIECE_CHARS)));
}

function clear(container) {
  container.replaceChildren();
  delete container.dataset.plain;
}

function draw(block) {
  return DRAWINGS[block.kind](block);
}

const DRAWINGS = {
  paragraph: ({ text }) => element("p", "", ...inline(text)),
  heading: ({ level, text }) => element(`h${Math.min(6, level + 3)}`, "", ...inline(text)), // below its message's, an h3
  rule: () => element("hr"),
  quote: (block) => element("blockquote", "", ...block.blocks.map(draw)),
  bullets: ({ items }) => element("ul", "", ...items.map(item)),
  ordered({ items, start }) {
    const node = element("ol", "", ...items.map(item));
    node.start = start;
    return node;
  },
  code: ({ language, text }) => codeBlock(language, text),
  table: ({ align, head, rows }) => tableBlock(align, head, rows),
};

/** A list whose items are one paragraph each is set without gaps. */
function item(parts) {
  const [first, ...rest] = parts;
  if (first?.kind !== "paragraph") return element("li", "", ...parts.map(draw));
  return element("li", "", ...inline(first.text), ...rest.map(draw));
}

function codeBlock(language, text) {
  const listing = element("pre", "", element("code", "", text));
  listing.tabIndex = 0; // it scrolls sideways
  listing.role = "region";
  listing.ariaLabel = language ? `Code, ${language}` : "Code";
  return element("div", "code", element("div", "code-head", element("span", "", language || "text"), copyButton("Copy", () => text)), listing);
}

function tableBlock(align, head, rows) {
  const cell = (tag) => (text, column) => element(tag, `to-${align[column] ?? "left"}`, ...inline(text));
  const body = rows.map((row) => element("tr", "", ...row.map(cell("td"))));
  const table = element("table", "", element("thead", "", element("tr", "", ...head.map(cell("th")))), element("tbody", "", ...body));
  const frame = element("div", "table", table);
  frame.tabIndex = 0;
  frame.role = "region";
  frame.ariaLabel = "Table";
  return frame;
}
