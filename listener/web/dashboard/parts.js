// Parts that several pages show.

import { h, shared } from "./dom.js";
import { fromOf, toOf } from "./state.js";
import { ago, brief, STATES, toneOf, version } from "./words.js";

const PATHS = {
  succeeded: "M4 10.5l4 4 8-9", healthy: "M4 10.5l4 4 8-9", alive: "M4 10.5l4 4 8-9",
  rolled_back: "M8 5L4 9l4 4M4 9h8a4 4 0 0 1 0 8H9", reverting: "M8 5L4 9l4 4M4 9h8a4 4 0 0 1 0 8H9",
  failed: "M5 5l10 10M15 5L5 15", rollback_failed: "M10 3v9M10 15.5v1.5",
  unhealthy: "M10 3v9M10 15.5v1.5", stopped: "M5 5h10v10H5z", absent: "M5 5l10 10M15 5L5 15",
  gone: "M5 5l10 10M15 5L5 15", invalid: "M10 3v9M10 15.5v1.5", paused: "M7 4v12M13 4v12",
  waiting: "M10 4v6l4 3", queued: "M10 4v6l4 3", starting: "M10 4v6l4 3",
  superseded: "M4 5l5 5-5 5M10 5l5 5-5 5", skipped: "M4 10h12", idle: "M4 10h12", running: "M6 4l9 6-9 6z",
};
const BUSY = "M10 3a7 7 0 1 1-7 7";

const icons = new Map();

export function icon(word) {
  return remembered(icons, word, () =>
    shared("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
      h("path", { d: PATHS[word] ?? BUSY })));
}

function remembered(known, key, describe) {
  if (!known.has(key)) known.set(key, describe());
  return known.get(key);
}

export function badge(word, text = STATES[word] ?? word) {
  return h("span", { class: `badge ${toneOf(word)}` }, icon(word), text);
}

export const targetLink = (target, text = target.name) =>
  h("a", { href: `#/targets/${encodeURIComponent(`${target.name}@${target.host}`)}` }, text);

export const deploymentLink = (id, text) => h("a", { href: `#/deployments/${id}` }, text);

// Outcomes as bars, oldest first; each outcome has a shape of its own.
export function strip(recent) {
  const real = recent.filter((each) => !each.dry_run);
  if (real.length === 0) return h("span", { class: "muted small" }, "no deployment yet");
  const counts = new Map();
  for (const each of real) counts.set(each.state, (counts.get(each.state) ?? 0) + 1);
  const told = [...counts].map(([word, count]) => `${count} ${STATES[word]}`).join(", ");
  return h("span", { class: "strip", role: "img", "aria-label": `Last ${real.length} deployments: ${told}` },
    real.slice().reverse().map(tick));
}

const ticks = new Map();

function tick({ state, tag }) {
  if (ticks.size > 1000) ticks.clear(); // tags come and go
  const title = `${STATES[state]}${tag ? `: ${tag}` : ""}`;
  return remembered(ticks, title, () => shared("i", { class: `tick ${state} ${toneOf(state)}`, title }));
}

export function legend() {
  const one = (word) => h("li", {}, h("i", { class: `tick ${word} ${toneOf(word)}`, "aria-hidden": "true" }), STATES[word]);
  return h("ul", { class: "legend small muted", "aria-label": "What the bars of a strip mean" },
    ["succeeded", "rolled_back", "failed", "rollback_failed", "skipped", "pulling"].map((word) =>
      word === "pulling"
        ? h("li", {}, h("i", { class: "tick pulling busy", "aria-hidden": "true" }), "under way")
        : one(word)));
}

export const fact = (name, ...value) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value));

export function button(text, act, kind = "") {
  return h("button", { type: "button", class: kind, onclick: act }, text);
}

export function fromTo(deployment) {
  return h("span", { class: "from-to" }, version(null, fromOf(deployment)),
    h("span", { class: "arrow", "aria-label": "to" }, " → "),
    version(deployment.tag, toOf(deployment)));
}

// One deployment as a line of a list.
export function deploymentRow(each, { withTarget = true } = {}) {
  return h("li", { key: each.id, class: "row deployment" },
    h("div", { class: "row-head" }, badge(each.state),
      deploymentLink(each.id, withTarget ? each.target : each.tag ?? each.id),
      withTarget && h("span", { class: "muted small" }, `on ${each.host}`)),
    h("div", { class: "row-what" }, fromTo(each)),
    h("div", { class: "row-when small muted" }, ago(each.finished_at ?? each.queued_at)),
    each.reason && h("p", { class: `reason small ${toneOf(each.state) === "bad" ? "" : "muted"}` }, brief(each.reason)));
}

export const empty = (...text) => h("p", { class: "empty muted" }, text);
