// One target: what runs, what ran, what it can go back to.

import { get, targetPath } from "./api.js";
import { actions } from "./actions.js";
import { attention } from "./attention.js";
import { liveCard } from "./deployment.js";
import { h } from "./dom.js";
import { badge, deploymentLink, deploymentRow, empty, fact, legend, strip } from "./parts.js";
import { changed, isFinal, keyOf, state } from "./state.js";
import { ago, digest, lasting, sentence, version } from "./words.js";

let shown = null; // {key, newest, history, known}

export const title = (key) => state.targets.get(key)?.name ?? "Target";

export function view(key) {
  const target = state.targets.get(key);
  if (!target) return [h("h1", { tabindex: "-1" }, "Target"), empty(`There is no target ${key}.`)];
  refresh(key, target);
  const running = [...state.deployments.values()].filter(
    (each) => each.target === target.name && each.host === target.host && !isFinal(each) && !each.dry_run);
  const problem = attention().find((each) => each.target && keyOf(each.target) === key);
  return [
    h("p", { class: "small" }, h("a", { href: "#/" }, "← Targets")),
    h("h1", { tabindex: "-1" }, target.name),
    h("p", { class: "verdict" }, badge(target.health), target.state !== "idle" && badge(target.state),
      version(target.tag, target.digest), target.since && h("span", { class: "muted" }, lasting(target.since))),
    target.reason && h("p", { class: "notice warn" }, target.reason),
    problem?.why && problem.why !== target.reason && h("div", { class: "notice bad" },
      h("p", {}, h("b", {}, `It ${problem.title}. `), sentence(problem.why)),
      problem.deployment && h("p", {}, deploymentLink(problem.deployment, "What happened"))),
    h("div", { class: "actions" }, actions(target)),
    running.map((each) => h("section", { key: each.id, class: "card", "aria-label": "Under way" }, liveCard(each))),
    h("section", { "aria-labelledby": "past" }, h("h2", { id: "past" }, "Past deployments"),
      h("p", {}, strip(target.recent)), legend(),
      h("ul", { class: "rows" }, (shown.history ?? []).filter(isFinal).map((each) => deploymentRow(each, { withTarget: false }))),
      shown.history?.length === 0 && empty("None yet.")),
    shown.known && h("section", { "aria-labelledby": "good" }, h("h2", { id: "good" }, "Versions it can go back to"),
      shown.known.good.length === 0 && empty("None is known to be good."),
      h("ul", { class: "rows" }, shown.known.good.map((each) => h("li", { key: each.digest, class: "row" },
        version(each.tag, each.digest), each.digest === target.digest && badge("running", "runs now"),
        h("span", { class: "small muted" }, "good since ", ago(each.at)))))),
    shown.known?.bad.length > 0 && h("section", { "aria-labelledby": "bad" }, h("h2", { id: "bad" }, "Versions that are left alone"),
      h("ul", { class: "rows" }, shown.known.bad.map((each) => h("li", { key: each.deployment, class: "row" },
        digest(each.digest), deploymentLink(each.deployment, ago(each.at)),
        h("span", { class: "reason small" }, each.reason))))),
    h("section", { "aria-labelledby": "facts" }, h("h2", { id: "facts" }, "Facts"),
      h("dl", { class: "facts" },
        fact("Image", h("code", {}, target.image)),
        fact("Follows", target.policy ?? target.tag ?? "what it runs"),
        fact("Runs", h("code", { class: "long" }, target.digest ?? "unknown")),
        fact("Host", target.host), fact("Kind", target.driver))),
  ];
}

// What only this page shows is read when it opens, and again when a deployment has ended.
function refresh(key, target) {
  const newest = target.recent.find(isFinal)?.id ?? null;
  if (shown?.key === key && shown.newest === newest) return;
  const same = shown?.key === key ? shown : {};
  shown = { ...same, key, newest };
  const mine = shown;
  const query = encodeURIComponent(`${target.name}@${target.host}`);
  Promise.all([get(`deployments?target=${query}&limit=25`), get(`${targetPath(target)}/digests`)]).then(
    ([found, known]) => {
      if (shown !== mine) return;
      Object.assign(mine, { history: found.deployments, known });
      changed();
    },
    () => { if (shown === mine) shown = { ...mine, newest: undefined }; });
}
