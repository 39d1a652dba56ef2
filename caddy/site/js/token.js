// The token: taken out of the address's fragment, kept for this tab, never written anywhere else.

const KEY = "parley-token";

/** Moves `#token=…` from the address bar, where it would be bookmarked, to this tab's storage. */
export function takeFromAddress() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return;
  sessionStorage.setItem(KEY, match[1]);
  history.replaceState(null, "", location.pathname);
}

export function current() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Keeps a pasted token. Returns what is wrong with it, or "". */
export function keep(pasted) {
  const token = pasted.trim().replace(/^Bearer\s+/i, "").replace(/^\S*#token=/, "");
  const claims = claimsOf(token);
  if (!claims) return "This is not a token: it has three parts with dots between them.";
  if (hasExpired(claims)) return `This token expired ${moment(claims.exp)}. Make a new one.`;
  sessionStorage.setItem(KEY, token);
  return "";
}

/** What the token says of itself, unverified: only the gateway can verify it. Null where there is none. */
export function claims() {
  return claimsOf(current());
}

export function hasExpired(its = claims()) {
  return its !== null && its.exp * 1000 <= Date.now();
}

/** Why the gateway refused, as far as this side can tell. */
export function whyRefused() {
  const its = claims();
  if (!its) return "The console needs a token.";
  if (hasExpired(its)) return `Your token expired ${moment(its.exp)}. Paste a new one to go on.`;
  return "The gateway does not accept this token: it may have been signed with another secret.";
}

export function moment(epochSeconds) {
  const when = new Date(epochSeconds * 1000);
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const today = when.toDateString() === new Date().toDateString();
  return today ? `at ${time}` : `on ${when.toLocaleDateString()} at ${time}`;
}

function claimsOf(token) {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return null;
  try {
    const bytes = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0))));
  } catch {
    return null;
  }
}
