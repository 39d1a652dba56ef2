// Markdown as blocks: what a line begins decides. Pure.
//
// A block is `{kind, source, …}`; two blocks with the same source are drawn the same, so a growing answer
// redraws its last block only. Source: CommonMark 0.31.2, 4 and 5; GitHub Flavored Markdown, 4.10.

const FENCE = /^ {0,3}(`{3,}|~{3,}) *([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6}) +(.*?)(?: +#+)? *$/;
const ITEM = /^( {0,9})([-*+]|\d{1,9}[.)])( +|$)(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const DEPTH = 6;

export function blocks(text, depth = 0) {
  const lines = text.split("\n");
  const found = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const { end, ...block } = blockAt(lines, at, depth);
    found.push({ ...block, source: lines.slice(at, end).join("\n") });
    at = end;
  }
  return found;
}

function blockAt(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return fenced(lines, at);
  const heading = HEADING.exec(line);
  if (heading) return { kind: "heading", level: heading[1].length, text: heading[2], end: at + 1 };
  if (isRule(line)) return { kind: "rule", end: at + 1 };
  if (depth < DEPTH && QUOTE.test(line)) return quoted(lines, at, depth);
  if (depth < DEPTH && ITEM.test(line)) return list(lines, at, depth);
  if (isTable(lines, at)) return table(lines, at);
  return paragraph(lines, at, depth);
}

/** A fence that is not closed yet goes on to the end: the answer is still being written. */
function fenced(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const closes = (line) => line.trim().startsWith(mark) && !line.trim().replaceAll(mark[0], "");
  let end = at + 1;
  while (end < lines.length && !closes(lines[end])) end += 1;
  return { kind: "code", language: language.trim().split(/\s/)[0], text: lines.slice(at + 1, end).join("\n"), end: end + 1 };
}

function quoted(lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inside = lines.slice(at, end).map((line) => line.replace(QUOTE, "")).join("\n");
  return { kind: "quote", blocks: blocks(inside, depth + 1), end };
}

function list(lines, at, depth) {
  const [, , firstMark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(firstMark);
  const indent = ITEM.exec(lines[at])[1].length;
  const items = [];
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    const begins = item && item[1].length <= indent + 1 && /\d/.test(item[2]) === ordered && !isRule(lines[end]);
    if (begins) items.push([item[4]]);
    else if (!continues(lines, end, indent)) break;
    else items.at(-1).push(lines[end].replace(new RegExp(`^ {0,${indent + firstMark.length + 1}}`), ""));
    end += 1;
  }
  while (!lines[end - 1].trim()) end -= 1;
  return { kind: ordered ? "ordered" : "bullets", start: parseInt(firstMark, 10), items: items.map((item) => blocks(item.join("\n"), depth + 1)), end };
}

/** Within an item: an indented line, or a blank one that an indented one or a further item follows. */
function continues(lines, at, indent) {
  const line = lines[at];
  if (line.trim()) return line.startsWith(" ".repeat(indent + 2)) || (Boolean(lines[at - 1].trim()) && !beginsBlock(lines, at));
  const next = lines[at + 1] ?? "";
  return Boolean(next.trim()) && (next.startsWith(" ".repeat(indent + 2)) || ITEM.test(next));
}

function isTable(lines, at) {
  if (!lines[at].includes("|") || at + 1 >= lines.length) return false;
  const rule = cells(lines[at + 1]);
  return lines[at + 1].includes("-") && rule.length === cells(lines[at]).length && rule.every((cell) => /^:?-+:?$/.test(cell));
}

function table(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const align = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left"));
  return { kind: "table", align, head: cells(lines[at]), rows: lines.slice(at + 2, end).map(cells), end };
}

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => cell.trim());
}

function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !(depth < DEPTH && beginsBlock(lines, end))) end += 1;
  return { kind: "paragraph", text: lines.slice(at, end).join("\n"), end };
}

function beginsBlock(lines, at) {
  const line = lines[at];
  return FENCE.test(line) || HEADING.test(line) || QUOTE.test(line) || ITEM.test(line) || isRule(line) || isTable(lines, at);
}

function isRule(line) {
  const marks = line.replaceAll(" ", "");
  return marks.length >= 3 && /^[-*_]/.test(marks) && !marks.replaceAll(marks[0], "");
}
