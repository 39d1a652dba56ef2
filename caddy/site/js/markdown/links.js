// Which addresses of a model's answer may become links. Pure.

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address, written out, or null: no scripts, no data, nothing relative that would point into this console. */
export function safeAddress(text) {
  try {
    const address = new URL(text);
    return SCHEMES.has(address.protocol) ? address.href : null;
  } catch {
    return null;
  }
}
