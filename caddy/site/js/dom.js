// Elements out of text. Nothing that came from outside is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";
const COPIED_MS = 1500;

export const byId = (id) => document.getElementById(id);

/** `element("p", "bad", "text")`, with further children after the class. */
export function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== "" && child !== null && child !== undefined));
  return node;
}

/** An icon of the sprite in index.html. It says nothing to a screen reader: its button has a label. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  drawing.append(use);
  return drawing;
}

export function button(label, onClick, { className = "", iconName = "", labelHidden = false } = {}) {
  const node = element("button", className, iconName && icon(iconName), labelHidden ? "" : label);
  node.type = "button";
  if (labelHidden) {
    node.ariaLabel = label;
    node.title = label;
  }
  node.addEventListener("click", onClick);
  return node;
}

/** A problem as a card: the sentence, the id that finds it in the log, and what can be done about it. */
export function problemCard(problem, ...actions) {
  const body = element("div", "", element("p", "", problem.message));
  if (problem.requestId) body.append(element("p", "soft", `Request ${problem.requestId}`));
  if (actions.length) body.append(element("div", "row", ...actions));
  const card = element("div", "notice bad", icon("warn"), body);
  card.role = "alert";
  return card;
}

/** A degradation, said where it happens. */
export function warning(sentence) {
  return element("p", "notice warn", icon("warn"), element("span", "", sentence));
}

export function facts(...lines) {
  return element("div", "facts", ...lines.filter(Boolean).map((line) => element("p", "", line)));
}

/** Makes the container show these nodes, touching only what differs: focus and scroll position stay. */
export function renew(container, ...wanted) {
  const present = [...container.childNodes];
  wanted.forEach((node, index) => {
    const old = present[index];
    if (!old) container.append(node);
    else if (!old.isEqualNode(node)) renewNode(old, node);
  });
  for (const old of present.slice(wanted.length)) old.remove();
}

function renewNode(old, node) {
  const sameElement = old.nodeType === Node.ELEMENT_NODE && old.nodeName === node.nodeName && old.className === node.className;
  if (!sameElement) {
    old.replaceWith(node);
    return;
  }
  for (const { name } of [...old.attributes]) if (!node.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...node.attributes]) old.setAttribute(name, value);
  renew(old, ...node.childNodes);
}

/** Scrolls to what has just come, where it would else be below the fold. */
export function bringIntoSight(node) {
  if (node.getBoundingClientRect().top > innerHeight * 0.6) node.scrollIntoView({ block: "start" });
}

/** Has a screen reader say a sentence when it has nothing else to say. The same one twice is said once. */
export function announce(sentence) {
  const line = byId("announcer");
  if (line.textContent !== sentence) line.textContent = sentence;
}

/** A button that copies, and says whether it could: a browser lets only https pages and localhost do it. */
export function copyButton(label, textOf, { className = "quiet", labelHidden = false } = {}) {
  const node = button(label, async () => {
    const copied = await navigator.clipboard?.writeText(textOf()).then(() => true, () => false);
    const sentence = copied ? "Copied" : "Not allowed here";
    announce(sentence);
    shown.textContent = sentence;
    setTimeout(() => {
      announce("");
      shown.textContent = labelHidden ? "" : label;
    }, COPIED_MS);
  }, { className, iconName: "copy", labelHidden });
  const shown = element("span", "", labelHidden ? "" : label);
  if (!labelHidden) node.lastChild.remove();
  node.append(shown);
  return node;
}

/** Offers a Blob as a file. */
export function download(blob, name) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Shows a dialog; resolves to the value of the button that closed it ("" for Escape). */
export function answerOf(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}
