// The first page: what is wrong, what is under way, what runs.

import { actions } from "./actions.js";
import { attention } from "./attention.js";
import { h } from "./dom.js";
import { liveCard } from "./deployment.js";
import { badge, deploymentLink, empty, icon, legend, strip, targetLink } from "./parts.js";
import { changed, state, underWay } from "./state.js";
import { ago, imageName, lasting, sentence, toneOf, version } from "./words.js";

let wanted = "";
const drawn = new WeakMap(); // target -> its row, as long as it says the same

export const title = () => "Targets";

export function view(tick) {
  const problems = attention();
  const running = underWay().filter((each) => !each.dry_run);
  const targets = [...state.targets.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.host < b.host ? -1 : 1));
  return [
    h("h1", { tabindex: "-1", class: problems.length ? "" : "calm" }, headline(problems, targets)),
    problems.length > 0 && h("section", { "aria-labelledby": "attention" },
      h("h2", { id: "attention", class: "unseen" }, "Needs attention"),
      h("ul", { class: "cards" }, problems.map(problem))),
    running.length > 0 && h("section", { "aria-labelledby": "running" },
      h("h2", { id: "running" }, "Under way"),
      h("ul", { class: "cards" }, running.map((each) => h("li", { key: each.id, class: "card" }, liveCard(each))))),
    h("section", { "aria-labelledby": "targets" },
      h("div", { class: "section-head" }, h("h2", { id: "targets" }, "Targets"), targets.length > 8 && search()),
      targets.length === 0 && empty("No target yet. Label a container ", h("code", {}, "listener.enable=true"), ", or name one in the configuration."),
      h("ul", { class: "rows targets" },
        targets.filter((each) => each.name.includes(wanted) || each.image.includes(wanted)).map((each) => row(each, tick))),
      targets.length > 0 && legend()),
  ];
}

function headline(problems, targets) {
  if (problems.length) return `${problems.length} ${problems.length === 1 ? "thing needs" : "things need"} a look`;
  if (targets.length === 0) return "Nothing to look after yet";
  return targets.length === 1
    ? "The one target runs as it should"
    : `All ${targets.length} targets run as they should`;
}

function problem(one) {
  const { target } = one;
  return h("li", { key: one.key, class: `card alarm ${toneOf(one.word)}` },
    h("h3", {}, icon(one.word), " ", target ? [targetLink(target), " "] : "", one.title),
    one.why && h("p", { class: "reason" }, sentence(one.why)),
    h("p", { class: "small muted" },
      target && ["Runs ", version(target.tag, target.digest), target.since && [" ", lasting(target.since)], ". "],
      one.at && [target ? "It happened " : "Last seen ", ago(one.at), "."]),
    h("div", { class: "actions" },
      one.deployment && h("a", { class: "button", href: `#/deployments/${one.deployment}` }, "What happened"),
      target && actions(target)));
}

function search() {
  return h("label", { class: "search" }, h("span", { class: "unseen" }, "Show only targets whose name or image has"),
    h("input", { type: "search", placeholder: "Filter", value: wanted,
      oninput: (event) => { wanted = event.target.value; changed(); } }));
}

function row(target, tick) {
  const known = drawn.get(target);
  if (known?.tick === tick) return known.row;
  const made = h("li", { key: `${target.name}@${target.host}`, class: "row target" },
    h("div", { class: "row-head" }, targetLink(target),
      h("span", { class: "small muted" }, `${imageName(target.image)} on ${target.host}`)),
    h("div", { class: "row-health" }, badge(target.health), stateOf(target)),
    h("div", { class: "row-what" }, version(target.tag, target.digest),
      h("span", { class: "small muted" }, target.since ? lasting(target.since) : target.state === "deploying" ? "not proven yet" : "not deployed by listener")),
    h("div", { class: "row-strip" }, strip(target.recent)));
  drawn.set(target, { tick, row: made });
  return made;
}

function stateOf(target) {
  if (target.state === "idle") return null;
  const running = target.state === "deploying" && target.recent[0];
  const shown = badge(target.state);
  return running ? deploymentLink(running.id, shown) : shown;
}
