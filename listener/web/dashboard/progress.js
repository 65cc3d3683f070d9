// A deployment under way: layers of its pull, the clock of its watch, its steps to scale.

import { now } from "./api.js";
import { h } from "./dom.js";
import { between, brief, bytes, seconds, since, stepName } from "./words.js";

const READY = new Set(["Pull complete", "Already exists", "Download complete"]);

export const current = (deployment) => deployment.steps.find((step) => !step.finished_at) ?? null;

export function progressOf(deployment, { inFull = false } = {}) {
  const step = current(deployment);
  if (step?.progress?.layers) return layers(step.progress.layers, inFull);
  if (step?.progress?.health) return health(step.progress.health);
  return null;
}

function layers(found, inFull) {
  const ready = found.filter((each) => READY.has(each.status)).length;
  const total = found.reduce((sum, each) => sum + (each.total ?? 0), 0);
  const have = found.reduce((sum, each) => sum + (each.current ?? 0), 0);
  const share = total ? Math.min(1, have / total) : ready / found.length;
  const told = `${ready} of ${found.length} layers, ${bytes(have)} of ${bytes(total)}`;
  return h("div", { class: "pull" },
    bar(share, `Pull: ${told}`),
    h("p", { class: "small" }, told),
    inFull && h("ul", { class: "layers small", "aria-label": "Layers" }, found.map((each) => {
      const part = READY.has(each.status) ? 1 : each.total ? (each.current ?? 0) / each.total : 0;
      return h("li", { key: each.id },
        h("code", {}, each.id),
        h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "fill", style: { width: `${100 * part}%` } })),
        h("span", { class: "muted" }, each.status, each.total && !READY.has(each.status) ? `, ${bytes(each.current)} of ${bytes(each.total)}` : ""));
    })));
}

function health(proof) {
  const at = now();
  if (proof.good_since) {
    const left = Math.max(0, (Date.parse(proof.settles_at) - at) / 1000);
    const whole = between(proof.good_since, proof.settles_at);
    return h("div", { class: "watch" },
      bar(whole ? 1 - left / whole : 1, "Healthy, and has to stay so", "good"),
      h("p", { class: "countdown", role: "timer" }, h("b", {}, "Healthy. "), `It has to stay so for ${Math.ceil(left)} s more.`));
  }
  const left = Math.max(0, (Date.parse(proof.deadline) - at) / 1000);
  return h("div", { class: "watch" },
    h("p", { class: "countdown", role: "timer" }, h("b", {}, "Not healthy yet. "), `It is taken back in ${Math.ceil(left)} s.`),
    proof.said && h("p", { class: "small reason" }, proof.said));
}

function bar(share, label, tone = "busy") {
  const percent = Math.round(100 * Math.max(0, Math.min(1, share)));
  return h("div", { class: `track ${tone}`, role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(percent) },
    h("span", { class: "fill", style: { width: `${percent}%` } }));
}

// Each step where it lies between the beginning and the end, so that what took long looks long.
export function timeline(deployment) {
  const steps = deployment.steps;
  if (steps.length === 0) return h("p", { class: "muted" }, "It has not begun.");
  const began = Date.parse(steps[0].started_at);
  const last = deployment.finished_at ?? steps.at(-1).finished_at;
  const whole = Math.max(0.001, ((last ? Date.parse(last) : now()) - began) / 1000);
  return h("ol", { class: "timeline" }, steps.map((step, at) => {
    const from = (Date.parse(step.started_at) - began) / 1000;
    const took = step.finished_at ? between(step.started_at, step.finished_at) : since(step.started_at);
    const place = { "--from": `${(100 * from) / whole}%`, "--share": `${(100 * Math.max(0, took)) / whole}%` };
    const sick = ["revert", "discard", "step_aside"].includes(steps[at + 1]?.name);
    const kind = !step.finished_at ? "busy" : sick ? "bad" : ["revert", "revert_watch", "clean", "discard", "revive"].includes(step.name) ? "back" : "good";
    const gap = ["cutover", "handover"].includes(step.name) && deployment.gap_seconds > 0;
    return h("li", { key: `${at} ${step.name}`, class: kind },
      h("span", { class: "step-name" }, stepName(step.name)),
      h("span", { class: "lane", "aria-hidden": "true" }, h("span", { class: "span", style: place })),
      h("span", { class: "step-took" }, seconds(took)),
      (step.detail || gap) && h("span", { class: "step-detail small muted" },
        step.detail && brief(step.detail), gap && [step.detail && "; ", h("b", {}, `nobody answered for ${seconds(deployment.gap_seconds)}`)]));
  }));
}
