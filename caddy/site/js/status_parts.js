// The parts of the status view, each out of the facts it shows. Pure but for making elements.

import { element } from "./dom.js";
import { engineTitle, mebibytes, seconds, serviceName, span } from "./wording.js";

/** A service works while one of its upstreams does. */
export function summary(upstreams) {
  const names = (list) => [...new Set(list.map(({ service }) => serviceName(service)))];
  const working = new Set(names(upstreams.filter(({ healthy }) => healthy)));
  const unwell = names(upstreams.filter(({ healthy }) => !healthy));
  const away = unwell.filter((name) => !working.has(name));
  if (away.length) return `${away.join(", ")} ${away.length === 1 ? "does" : "do"} not work just now.`;
  return unwell.length ? `Everything works; ${unwell.join(", ")} with less in reserve.` : "Everything works.";
}

/** `now`: seconds since the epoch, by the monitor's clock. */
export function servicesSection(upstreams, now) {
  const rows = upstreams.map((upstream) => serviceRow(upstream, now, isOneOfSeveral(upstream, upstreams)));
  return element("div", "", element("h3", "", "Services"), element("ul", "services", ...rows));
}

const NOTHING = "–";
const BREAKERS = { closed: "closed", open: "open", half_open: "half open" };

function isOneOfSeveral({ service }, upstreams) {
  return upstreams.filter((other) => other.service === service).length > 1;
}

function serviceRow(upstream, now, withAddress) {
  const [kind, word] = serviceState(upstream);
  const which = upstream.colour ?? upstream.upstream;
  const technical = withAddress ? `${upstream.service} ${which}` : upstream.service;
  const row = element(
    "li", "service",
    element("span", "name", serviceName(upstream.service), element("small", "", technical)),
    element("span", `state ${kind}`, word),
    element("span", "more", serviceFacts(upstream, now)),
  );
  row.dataset.service = upstream.service;
  row.dataset.state = kind;
  if (upstream.sentence) row.append(element("p", "sentence", upstream.sentence));
  return row;
}

function serviceState({ checked_at: checkedAt, healthy, note, state }) {
  if (checkedAt === null) return ["unknown", "not checked yet"];
  if (healthy) return ["good", note ? "stands by" : "works"];
  return { open: ["bad", "does not answer"], half_open: ["warn", "being tried"] }[state] ?? ["warn", "failing"];
}

function serviceFacts(upstream, now) {
  const { checked_at: checkedAt, error, note, state } = upstream;
  const failures = upstream.consecutive_failures;
  return [
    error,
    note,
    `breaker ${BREAKERS[state] ?? state}`,
    failures > 1 && `${failures} failures in a row`,
    state !== "closed" && upstream.next_check_at && `next try in ${span(upstream.next_check_at - now)}`,
    upstream.latency_seconds !== null && !error && `answers in ${seconds(upstream.latency_seconds)}`,
    checkedAt !== null && `checked ${span(now - checkedAt)} ago`,
  ].filter(Boolean).join(" · ");
}

export function enginesSections(status) {
  return [table("Hearing", status.transcription), table("Speaking", status.synthesis)];
}

const ENGINE_COLUMNS = [
  ["Engine", "", (engine) => engineTitle(engine.name)],
  ["State", "", engineState],
  ["Breaker", "", (engine) => BREAKERS[engine.breaker_state] ?? engine.breaker_state],
  ["Model", "model", (engine) => engine.model ?? NOTHING],
  ["Time per second of sound", "number", (engine) => (engine.real_time_factor === null ? NOTHING : seconds(engine.real_time_factor))],
  ["At work", "number", (engine) => `${engine.running}${engine.waiting ? ` + ${engine.waiting} waiting` : ""}`],
  ["Memory", "number", (engine) => (engine.resident_bytes === null ? NOTHING : mebibytes(engine.resident_bytes))],
];

function engineState(engine) {
  if (engine.breaker_state !== "closed") {
    return element("span", "state bad", `rests (${(engine.last_error ?? "failed").replaceAll("_", " ")})`);
  }
  if (!engine.installed) return element("span", "state unknown", "not installed");
  if (engine.loaded) return element("span", "state good", "ready");
  return element("span", "state unknown", engine.model ? "loads at first use" : "no model");
}

const MODEL_COLUMNS = [
  ["Model", "model", (model) => model.name],
  ["State", "", (model) => model.state],
  ["From", "", (model) => model.provider],
  ["Breaker", "", (model) => BREAKERS[model.breaker] ?? model.breaker],
  ["Context", "number", (model) => (model.context_tokens ? `${model.context_tokens.toLocaleString()} tokens` : NOTHING)],
];

export function modelsSection({ models, providers }) {
  const states = new Map(providers.map(({ name, breaker }) => [name, breaker]));
  const known = new Set(models.map(({ provider }) => provider));
  const empty = providers.filter(({ name }) => !known.has(name)).map(({ name }) => ({ name: NOTHING, provider: name }));
  const told = [...models, ...empty].map((model) => withState(model, states.get(model.provider) ?? "closed"));
  return rows("Language models", MODEL_COLUMNS, told);
}

const withState = (model, breaker) => ({ ...model, breaker, state: modelState(model, breaker) });

function modelState(model, breaker) {
  if (breaker !== "closed") return element("span", "state bad", breaker === "open" ? "rests" : "being tried");
  return model.name === NOTHING ? element("span", "state unknown", "offers no model") : element("span", "state good", "ready");
}

function table(title, engines) {
  return rows(title, ENGINE_COLUMNS, engines);
}

/** Where there is no room for columns, each row is a card and each cell names its column (style/status.css). */
function rows(title, columns, items) {
  const head = columns.map(([name, kind]) => withRole("columnheader", element("th", kind === "model" ? "" : kind, name)));
  const body = items.map((item) => row(columns.map((column, place) => cellOf(item, column, place))));
  const groups = [element("thead", "", row(head)), element("tbody", "", ...body)].map((part) => withRole("rowgroup", part));
  const whole = withRole("table", element("table", "stacks", ...groups));
  whole.ariaLabel = title;
  return element("div", "block", element("h3", "", title), element("div", "table", whole));
}

function cellOf(item, [name, kind, content], place) {
  const cell = withRole(place ? "cell" : "rowheader", element(place ? "td" : "th", kind, content(item)));
  cell.dataset.column = name;
  if (cell.textContent === NOTHING) cell.dataset.empty = "true";
  return cell;
}

const row = (cells) => withRole("row", element("tr", "", ...cells));

/** Said outright: a table that is laid out as anything else is no table to a screen reader. */
function withRole(role, node) {
  node.role = role;
  return node;
}
