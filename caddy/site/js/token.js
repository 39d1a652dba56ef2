// The token: taken out of the address's fragment, kept for this tab, never written anywhere else.

const KEY = "parley-token";

/** Moves `#token=…` from the address bar, where it would be bookmarked, to this tab's storage. */
export function takeFromAddress() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return;
  sessionStorage.setItem(KEY, decodeURIComponent(match[1]));
  history.replaceState(null, "", location.pathname);
}

export function current() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Keeps a pasted token. Returns what is wrong with it, or "". */
export function keep(pasted) {
  const token = pasted.trim().replace(/^Bearer\s+/i, "");
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return "This is not a token: it has three parts with dots between them.";
  sessionStorage.setItem(KEY, token);
  return "";
}
