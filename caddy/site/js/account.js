// Who is signed in and until when, and the dialog that takes a new token.

import { byId } from "./dom.js";
import * as token from "./token.js";

let refusedBefore = null;

/** `onToken` is called when a new token was taken. */
export function mount(onToken) {
  byId("account").addEventListener("click", () => ask(""));
  byId("token-form").addEventListener("submit", (event) => take(event, onToken));
  addEventListener("parley:refused", refused);
  setInterval(show, 30_000);
  show();
}

/** Asks once for each token that is refused: who has put the dialog away is not asked at each request again. */
function refused() {
  if (refusedBefore === token.current()) return;
  refusedBefore = token.current();
  ask(token.whyRefused());
}

/** Opens the dialog; `why` says what for. */
export function ask(why) {
  const dialog = byId("token-dialog");
  byId("token-why").textContent = why;
  byId("token-error").textContent = "";
  show();
  if (!dialog.open) dialog.showModal();
  byId("token-input").focus();
}

export function show() {
  const claims = token.claims();
  const expired = token.hasExpired(claims);
  byId("account-name").textContent = claims?.sub ?? "No token";
  byId("account-expiry").textContent = claims ? `${expired ? "expired" : "until"} ${token.moment(claims.exp).replace(/^at /, "")}` : "";
  byId("account").classList.toggle("expired", expired);
}

function take(event, onToken) {
  const input = byId("token-input");
  const wrong = token.keep(input.value);
  byId("token-error").textContent = wrong;
  if (wrong) {
    event.preventDefault();
    return;
  }
  input.value = "";
  show();
  onToken();
}
