// Puts the console together: the token, the views, and which of them is open.

import { byId, problemCard } from "./dom.js";
import * as token from "./token.js";
import * as hear from "./views/hear.js";
import * as speak from "./views/speak.js";
import * as status from "./views/status.js";

const VIEWS = { speak, hear, status };
const FIRST = "speak";

token.takeFromAddress();
for (const view of Object.values(VIEWS)) view.mount();
mountTokenDialog();
addEventListener("hashchange", () => {
  token.takeFromAddress();
  open();
});
open();
if (!token.current()) byId("token-dialog").showModal();

async function open() {
  const wanted = location.hash.replace("#/", "");
  const name = wanted in VIEWS ? wanted : FIRST;
  for (const other of Object.keys(VIEWS)) byId(other).hidden = other !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!token.current()) return;
  try {
    await VIEWS[name].show();
  } catch (problem) {
    byId(`${name}-result`).replaceChildren(problemCard(problem));
  }
}

function mountTokenDialog() {
  const dialog = byId("token-dialog");
  byId("token-button").addEventListener("click", () => dialog.showModal());
  byId("token-form").addEventListener("submit", (event) => {
    if (event.submitter.value !== "use") return;
    const wrong = token.keep(byId("token-input").value);
    byId("token-error").textContent = wrong;
    if (wrong) {
      event.preventDefault();
      return;
    }
    byId("token-input").value = "";
    open();
  });
}
