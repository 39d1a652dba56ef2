// The list of conversations, the most recently used first.

import { byId, element, button, problemCard } from "../dom.js";
import * as rest from "./rest.js";

let olderThan = null;

export function mount() {
  byId("sessions-more").addEventListener("click", () => load(olderThan));
  byId("sessions-open").addEventListener("click", () => drawer(true));
  byId("sessions-close").addEventListener("click", () => drawer(false));
  byId("sessions-list").addEventListener("click", () => drawer(false));
  byId("sessions-veil").addEventListener("click", () => drawer(false));
  byId("sessions").addEventListener("keydown", ({ key }) => key === "Escape" && drawer(false));
  matchMedia("(min-width: 56rem)").addEventListener("change", ({ matches }) => matches && drawer(false));
}

/** Fetches the list anew and marks the open one. */
export async function refresh(openId) {
  await load(null);
  mark(openId);
}

export function mark(openId) {
  for (const link of byId("sessions-list").querySelectorAll("a")) {
    if (link.hash === `#/chat/${openId}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** On a narrow screen the list lies over everything else, which cannot be reached while it does. */
export function drawer(open) {
  const list = byId("sessions");
  if (list.classList.contains("open") === open) return;
  list.classList.toggle("open", open);
  byId("sessions-veil").hidden = !open;
  for (const covered of document.querySelectorAll(".skip, .rail, .conversation")) covered.inert = open;
  byId("sessions-open").setAttribute("aria-expanded", String(open));
  byId(open ? "sessions-close" : "sessions-open").focus();
}

async function load(before) {
  const notice = byId("sessions-notice");
  try {
    const page = await rest.sessions(before);
    const rows = page.sessions.map(row);
    if (before) byId("sessions-list").append(...rows);
    else byId("sessions-list").replaceChildren(...rows);
    olderThan = page.next_before;
    byId("sessions-more").hidden = !page.has_more;
    notice.replaceChildren(...(byId("sessions-list").children.length ? [] : [element("p", "soft", "None yet.")]));
  } catch (problem) {
    const card = problemCard(problem, button("Try again", () => load(before)));
    if (byId("thread").querySelector("[role=alert]")) card.role = null; // it has been said beside it
    notice.replaceChildren(card);
  }
}

function row(session) {
  const title = element("span", "", session.title);
  title.title = session.title; // it may be cut off
  const link = element("a", "", title, element("small", "", when(session.updated_at)));
  link.href = `#/chat/${session.session_id}`;
  return element("li", "", link);
}

function when(timestamp) {
  const date = new Date(timestamp);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : date.toLocaleDateString([], { day: "numeric", month: "short" });
}
