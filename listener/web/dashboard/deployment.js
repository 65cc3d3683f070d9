// One deployment: live while it goes on, and what became of it.

import { deploymentActions } from "./actions.js";
import { h } from "./dom.js";
import { badge, deploymentLink, empty, fact, fromTo, targetLink } from "./parts.js";
import { current, progressOf, timeline } from "./progress.js";
import { isFinal, loadDeployment, state } from "./state.js";
import { ago, between, clockTime, seconds, sentence, since, stepName, triggerName } from "./words.js";

let asked = null;
let problem = null;

export const title = (id) => `Deployment of ${state.deployments.get(id)?.target ?? id}`;

export function view(id) {
  const one = state.deployments.get(id);
  if (asked !== id) {
    asked = id;
    problem = null;
    loadDeployment(id).catch((fault) => (problem = fault.message));
  }
  if (!one) return [h("h1", { tabindex: "-1" }, "Deployment"), empty(problem ?? "Loading …")];
  const target = { name: one.target, host: one.host };
  return [
    h("p", { class: "small" }, targetLink(target, `← ${one.target} on ${one.host}`)),
    h("h1", { tabindex: "-1" }, one.dry_run ? "Dry run of " : "Deployment of ", one.target),
    h("p", { class: "verdict" }, badge(one.state), fromTo(one)),
    one.reason && h("p", { class: `notice ${isFinal(one) ? tone(one) : "quiet"}` }, sentence(one.reason)),
    !isFinal(one) && h("section", { "aria-label": "Under way", class: "card" }, now(one), progressOf(one, { inFull: true })),
    h("div", { class: "actions" }, deploymentActions(one)),
    one.logs?.length > 0 && h("section", { "aria-labelledby": "logs" },
      h("h2", { id: "logs" }, "Last lines of the container that failed"),
      h("pre", { class: "logs", tabindex: "0", "aria-labelledby": "logs" }, one.logs.join("\n"))),
    one.plan.length > 0 && h("section", {}, h("h2", {}, "What it would do"), h("ul", {}, one.plan.map((line) => h("li", {}, line)))),
    h("section", { "aria-labelledby": "steps" }, h("h2", { id: "steps" }, "Steps"), timeline(one)),
    h("section", { "aria-labelledby": "facts" }, h("h2", { id: "facts" }, "Facts"), facts(one)),
  ];
}

const tone = (one) => (one.state === "succeeded" ? "good" : ["skipped", "superseded"].includes(one.state) ? "quiet" : "bad");

function now(one) {
  const step = current(one);
  if (!step) return h("p", {}, one.state === "waiting" ? "It waits." : "It will begin soon.");
  return h("p", { class: "now" }, h("b", {}, stepName(step.name)), ", for ", seconds(since(step.started_at)));
}

function facts(one) {
  return h("dl", { class: "facts" },
    fact("Began by", triggerName(one.trigger), one.force && ", forced"),
    fact("Image", h("code", {}, one.image)),
    one.source && fact("Commit", h("code", { class: "long" }, one.source.revision), ` of ${one.source.url}`),
    fact("From", h("code", { class: "long" }, one.from_digest ?? "unknown")),
    fact("To", h("code", { class: "long" }, one.to_digest ?? "not resolved")),
    fact("Queued", clockTime(one.queued_at)),
    one.finished_at && fact("Took", seconds(between(one.started_at ?? one.queued_at, one.finished_at))),
    one.gap_seconds !== null && fact("Gap", seconds(one.gap_seconds)),
    one.pushes.length > 0 && fact("Pushes", one.pushes.map((id) => {
      const push = state.pushes.get(id);
      return h("div", {}, push ? ["by hook ", push.hook, push.actor && `, ${push.actor}`, ", ", ago(push.received_at)] : h("code", {}, id));
    })),
    fact("Id", h("code", { class: "long" }, one.id)));
}

// The same in small, for a list of those under way.
export function liveCard(one) {
  return h("article", {},
    h("h3", {}, deploymentLink(one.id, one.target), h("span", { class: "small muted" }, ` on ${one.host}`)),
    h("p", { class: "verdict" }, badge(one.state), fromTo(one)),
    one.reason && h("p", { class: "small muted" }, sentence(one.reason)),
    current(one) && now(one), progressOf(one),
    h("div", { class: "actions" }, deploymentActions(one)));
}
