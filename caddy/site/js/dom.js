// Elements out of text. Nothing that came from outside is ever parsed as HTML.

export const byId = (id) => document.getElementById(id);

/** `element("p", "bad", "text")`, with further children after the class. */
export function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** A problem as a card: the sentence, and the id that finds it in the log. */
export function problemCard(problem) {
  const card = element("div", "card", element("p", "notice bad", problem.message));
  if (problem.requestId) card.append(facts(`Request ${problem.requestId}`));
  return card;
}

export function facts(...lines) {
  return element("div", "facts", ...lines.filter(Boolean).map((line) => element("p", "", line)));
}
