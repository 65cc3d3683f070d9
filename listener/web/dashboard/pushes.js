// What came in, and what became of it; requests that brought nothing, and why.

import { get } from "./api.js";
import { h } from "./dom.js";
import { badge, deploymentLink, empty } from "./parts.js";
import { changed, state } from "./state.js";
import { ago, digest, since } from "./words.js";

const LOOKING = 5; // seconds that workers may take
const AGAIN = 15_000;
let only = "all";
let refused = null;
let readAt = 0;
let problem = null;

export const title = () => "Pushes";

const forNobody = (push) => !push.matches.some((each) => each.deployment);

export function view() {
  readRefused();
  const all = [...state.pushes.values()].sort((a, b) => (a.received_at < b.received_at ? 1 : -1));
  const found = all.filter((each) => only === "all" || forNobody(each));
  return [
    h("h1", { tabindex: "-1" }, "Pushes"),
    h("div", { class: "filters", role: "group", "aria-label": "Which pushes" },
      choice("all", `All (${all.length})`),
      choice("nothing", `Matched nothing (${all.filter(forNobody).length})`)),
    !state.complete && empty("Loading …"),
    state.complete && found.length === 0 && empty(only === "all" ? "No push has come in." : "Every push was for a target."),
    h("ul", { class: "rows" }, found.slice(0, 100).map(row)),
    h("section", { "aria-labelledby": "refused" }, h("h2", { id: "refused" }, "Requests that brought no push"),
      problem && h("p", { class: "notice bad" }, problem),
      refused?.length === 0 && empty("None lately."),
      h("ul", { class: "rows" }, (refused ?? []).map((each) => h("li", { key: each.id, class: "row" },
        h("div", { class: "row-head" }, badge(each.code >= 400 ? "failed" : "skipped", `${each.code} ${each.outcome}`),
          h("span", {}, each.hook ? `hook ${each.hook}` : "no such hook")),
        h("div", { class: "row-when small muted" }, each.count > 1 && `${each.count} times, last `, ago(each.received_at), each.peer && ` from ${each.peer}`),
        each.reason && h("p", { class: "reason small" }, each.reason))))),
  ];
}

function choice(value, text) {
  return h("button", { type: "button", "aria-pressed": String(only === value), onclick: () => { only = value; changed(); } }, text);
}

function row(push) {
  return h("li", { key: push.id, class: "row push" },
    h("div", { class: "row-head" }, h("b", { class: "image" }, push.image, push.tag && `:${push.tag}`)),
    h("div", { class: "row-what" }, push.digest ? digest(push.digest) : null),
    h("div", { class: "row-when small muted" }, ago(push.received_at), `, hook ${push.hook}`, push.actor && `, ${push.actor}`,
      push.replay_of && ", done over"),
    h("div", { class: "row-matches small" }, matches(push)));
}

function matches(push) {
  if (push.matches.length === 0) {
    return since(push.received_at) < LOOKING
      ? h("span", { class: "muted" }, "workers are looking at it")
      : h("span", {}, badge("skipped", "matched nothing"), " no target runs this image");
  }
  return h("ul", { class: "matches" }, push.matches.map((each) => h("li", {},
    each.deployment
      ? [outcome(each.deployment), deploymentLink(each.deployment, `${each.target} on ${each.host}`)]
      : [badge("skipped", "not for"), ` ${each.target} on ${each.host}: ${each.reason}`])));
}

function outcome(id) {
  const known = state.deployments.get(id);
  return known && [badge(known.state), " "];
}

// The same request over and over is one line with a number.
function grouped(deliveries) {
  const groups = new Map();
  for (const each of deliveries.filter((one) => one.pushes.length === 0)) {
    const key = [each.hook, each.code, each.reason, each.peer].join(" ");
    const known = groups.get(key);
    groups.set(key, known ? { ...known, count: known.count + 1 } : { ...each, count: 1 });
  }
  return [...groups.values()].sort((a, b) => (b.code >= 400) - (a.code >= 400)).slice(0, 30);
}

function readRefused() {
  if (Date.now() - readAt < AGAIN) return;
  readAt = Date.now();
  get("deliveries?limit=200").then(
    ({ deliveries }) => {
      refused = grouped(deliveries);
      problem = null;
      changed();
    },
    (fault) => { problem = fault.message; changed(); });
}
