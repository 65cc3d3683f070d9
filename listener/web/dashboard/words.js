// How states, steps, times and digests are said.

import { now } from "./api.js";
import { h } from "./dom.js";

export const STATES = {
  queued: "queued", waiting: "waiting", pulling: "pulling", checking: "checking",
  swapping: "swapping", watching: "watching", reverting: "being taken back",
  succeeded: "succeeded", rolled_back: "taken back", failed: "failed",
  superseded: "overtaken", skipped: "skipped", rollback_failed: "rollback failed",
};

const STEPS = {
  resolve: "Ask the registry", plan: "Plan", pull: "Pull", preflight: "Prove a twin",
  release: "Release command", tag: "Move the local tag", create: "Create", boot: "Start beside",
  prove: "Prove beside", after_start: "Command after start", handover: "Hand over",
  before_stop: "Command before stop", retire: "Retire the old one", cutover: "Swap",
  disarm: "Disarm the old one", adopt: "Carry dependents over", watch: "Watch", commit: "Commit",
  discard: "Discard the new one", revert: "Take back", revert_watch: "Watch the old one",
  clean: "Clean up", revive: "Revive the old one", step_aside: "Step aside", replace: "Replace",
  next: "Next replica", restart: "Restart dependents",
};
export const stepName = (name) => STEPS[name] ?? name.replaceAll("_", " ");

const TRIGGERS = { push: "push", reconcile: "found at the registry", manual: "by hand", rollback: "rollback by hand" };
export const triggerName = (name) => TRIGGERS[name] ?? name;

// Digests within sentences, by their beginning; the whole ones are under a deployment's facts.
export const brief = (text) => text.replace(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, "$1");

export const sentence = (text) => brief(text.charAt(0).toUpperCase() + text.slice(1));

// The kind of a state, for colour and shape.
export function toneOf(word) {
  switch (word) {
    case "succeeded": case "healthy": case "alive": return "good";
    case "rolled_back": case "unhealthy": case "failed": case "stopped": case "absent":
    case "rollback_failed": case "gone": return "bad";
    case "invalid": case "paused": case "waiting": case "starting": return "warn";
    case "skipped": case "superseded": case "idle": case "running": return "quiet";
    default: return "busy";
  }
}

export const short = (digest) => (digest ? digest.replace(/^sha256:/, "").slice(0, 12) : "none");

export function digest(value) {
  return value ? h("code", { class: "digest", title: value }, short(value)) : h("span", { class: "muted" }, "unknown");
}

// "v2 · 1a2b3c4d5e6f"
export function version(tag, value) {
  return h("span", { class: "version" }, tag && h("b", {}, tag), tag && " ", digest(value));
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${Math.max(0, value).toFixed(1)} s`;
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  if (value < 48 * 3600) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

export const since = (moment) => (now() - Date.parse(moment)) / 1000;
export const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

export function ago(moment) {
  const passed = since(moment);
  const text = passed < 5 ? "just now" : `${seconds(passed < 60 ? Math.floor(passed / 5) * 5 : passed).replace(/\.0 /, " ")} ago`;
  return time(moment, text);
}

// "for 36 min", of what goes on
export const lasting = (moment) => time(moment, `for ${seconds(Math.max(1, Math.floor(since(moment))))}`.replace(/\.0 /, " "));

export function time(moment, text) {
  return h("time", { datetime: moment, title: new Date(moment).toLocaleString() }, text);
}

export function clockTime(moment) {
  const at = new Date(moment);
  const today = at.toDateString() === new Date(now()).toDateString();
  return time(moment, today ? at.toLocaleTimeString() : at.toLocaleString());
}

export function bytes(value) {
  if (value === null || value === undefined) return "?";
  return value < 1024 * 1024 ? `${Math.ceil(value / 1024)} KiB` : `${(value / 1048576).toFixed(1)} MiB`;
}

// "registry.example.com/team/web" is told by its last parts where room is scarce.
export const imageName = (image) => image.split("/").slice(1).join("/") || image;
