// Puts the console together: the token, the views, and which of them is open.

import * as account from "./account.js";
import { byId } from "./dom.js";
import * as token from "./token.js";
import * as chat from "./views/chat.js";
import * as hear from "./views/hear.js";
import * as speak from "./views/speak.js";
import * as status from "./views/status.js";
import * as voice from "./views/voice.js";

/** A view has `mount()`, once; `show(rest)` and `hide()`, whenever it is opened and left. */
const VIEWS = { chat, voice, speak, hear, status };
const FIRST = "chat";
let shown = null;

token.takeFromAddress();
account.mount(reopen);
for (const view of Object.values(VIEWS)) view.mount();
for (const cancel of document.querySelectorAll("dialog .cancel")) {
  cancel.addEventListener("click", () => cancel.closest("dialog").close(""));
}
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its address would be taken for that of a view
  byId("main").focus();
});
addEventListener("hashchange", () => {
  const before = token.current();
  token.takeFromAddress();
  if (token.current() === before) open();
  else reopen();
});
open();
if (!token.current() || token.hasExpired()) account.ask(token.whyRefused());
byId("token-wanted-paste").addEventListener("click", () => account.ask(""));

/** `#/chat/abc`: the view, and what of it. */
function open() {
  const [, wanted = "", rest = ""] = location.hash.split("/");
  const name = wanted in VIEWS ? wanted : FIRST;
  if (shown !== name) leave();
  byId(name).hidden = false;
  markCurrent(name);
  document.title = `${byId(`${name}-title`).textContent} · Parley`;
  shown = name;
  showTokenWanted();
  if (token.current()) VIEWS[name].show(decodeURIComponent(rest));
}

/** Who has put the dialog away finds the way back to it. */
function showTokenWanted() {
  const wanted = !token.current() || token.hasExpired();
  byId("token-wanted").hidden = !wanted;
  byId("token-wanted-why").textContent = wanted ? token.whyRefused() : "";
}

function leave() {
  if (!shown) return;
  VIEWS[shown].hide();
  byId(shown).hidden = true;
  byId("main").scrollTop = 0;
}

/** The same view again, with another token. */
function reopen() {
  account.show();
  if (shown) VIEWS[shown].hide();
  open();
}

function markCurrent(name) {
  for (const link of document.querySelectorAll(".views a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
