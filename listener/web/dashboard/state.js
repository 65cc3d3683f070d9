// What the page knows, and how an event changes it. Whoever draws it hears `onChange`.

import { get } from "./api.js";

const STRIP = 15;
const PUSHES = 200;
export const FINAL = new Set([
  "succeeded", "rolled_back", "failed", "superseded", "skipped", "rollback_failed",
]);

export const state = {
  session: null, // {token_needed, signed_in, read_only, version}
  loaded: false, // what the first page shows
  complete: false, // all of it
  problem: null,
  live: { status: "connecting", since: Date.now() }, // connecting | live | offline
  targets: new Map(), // name@host -> target with `recent`
  deployments: new Map(), // id -> deployment; those under way and those looked at
  pushes: new Map(), // id -> push, newest first
  hosts: new Map(),
  heard: new Map(), // host name -> when this page heard that it lives: the clocks of hosts differ
  complaint: null, // what a person asked for and did not get
};

let told = () => {};
let due = false;

export function onChange(draw) {
  told = draw;
}

export function changed() {
  if (due) return;
  due = true;
  // Hidden pages are not given frames, and need not be drawn.
  requestAnimationFrame(() => {
    due = false;
    told();
  });
}

export const keyOf = (target) => `${target.name}@${target.host}`;
export const isFinal = (deployment) => FINAL.has(deployment.state);
export const underWay = () =>
  [...state.deployments.values()].filter((each) => !isFinal(each)).sort(byId);
// What a deployment replaces and what by: before it begins, what runs now and what was pushed.
export const fromOf = (deployment) => deployment.from_digest ??
  (isFinal(deployment) ? null : state.targets.get(`${deployment.target}@${deployment.host}`)?.digest ?? null);
export const toOf = (deployment) => deployment.to_digest ??
  deployment.pushes.map((id) => state.pushes.get(id)?.digest).filter(Boolean).at(-1) ?? null;
export const canAct = () => state.session !== null && !state.session.read_only;
const byId = (a, b) => (a.id < b.id ? 1 : -1);

export async function load() {
  const [{ targets }, { hosts }] = await Promise.all([get(`targets?recent=${STRIP}`), get("hosts")]);
  state.targets = new Map(targets.map((each) => [keyOf(each), each]));
  state.hosts = new Map(hosts.map((each) => [each.name, each]));
  state.heard = new Map(hosts.map((each) => [each.name, Date.now()]));
  // Where nothing is under way the first page needs no more, and the rest may come behind it.
  if (!targets.some((each) => each.recent.some((one) => !isFinal(one)))) {
    state.loaded = true;
    changed();
  }
  const [{ deployments }, { pushes }] = await Promise.all([
    get("deployments?limit=50"), get(`pushes?limit=${PUSHES}`),
  ]);
  for (const each of deployments) keep(each);
  await refreshLost(deployments);
  state.pushes = new Map(pushes.map((each) => [each.id, each]));
  state.loaded = state.complete = true;
  state.problem = null;
  changed();
}

// A deployment that was under way when the line broke may have ended long since.
async function refreshLost(fresh) {
  const seen = new Set(fresh.map((each) => each.id));
  const lost = underWay().filter((each) => !seen.has(each.id));
  await Promise.all(
    lost.map((each) =>
      get(`deployments/${each.id}`).then(keep, () => state.deployments.delete(each.id)),
    ),
  );
}

export async function loadDeployment(id) {
  const found = await get(`deployments/${id}`);
  keep(found);
  changed();
  return found;
}

function keep(deployment) {
  const known = state.deployments.get(deployment.id);
  state.deployments.set(deployment.id, { ...deployment, logs: deployment.logs ?? known?.logs });
}

export function take(kind, content) {
  const before = state.deployments.get(content.id);
  switch (kind) {
    case "target": {
      const known = state.targets.get(keyOf(content));
      state.targets.set(keyOf(content), { ...content, recent: known?.recent ?? [] });
      break;
    }
    case "target_removed":
      state.targets.delete(keyOf(content));
      break;
    case "deployment":
      keep(content);
      extendStrip(content);
      if (isFinal(content) && !(before && isFinal(before))) ended(content);
      break;
    case "push":
      state.pushes = new Map([[content.id, content], ...without(state.pushes, content.id)]);
      break;
    case "host": {
      const known = state.hosts.get(content.name);
      state.hosts.set(content.name, content);
      state.heard.set(content.name, Date.now());
      // Every few seconds a worker says that it lives: nothing of that is to be seen.
      if (known?.alive && sameBut("last_seen", known, content)) return;
      break;
    }
    case "host_removed":
      state.hosts.delete(content.name);
      break;
  }
  changed();
}

function sameBut(name, one, other) {
  return JSON.stringify({ ...one, [name]: null }) === JSON.stringify({ ...other, [name]: null });
}

// A push that is told again, since it was matched, stays in its place.
function* without(pushes, id) {
  let count = 0;
  for (const [key, value] of pushes) if (key !== id && count++ < PUSHES) yield [key, value];
}

function extendStrip(deployment) {
  const key = `${deployment.target}@${deployment.host}`;
  const target = state.targets.get(key);
  if (!target) return;
  const rest = target.recent.filter((each) => each.id !== deployment.id);
  const recent = [deployment, ...rest].sort(byId).slice(0, STRIP);
  state.targets.set(key, { ...target, recent });
}

let sayEnded = () => {};
export function onEnded(hear) {
  sayEnded = hear;
}
function ended(deployment) {
  sayEnded(deployment);
  if (deployment.state !== "succeeded") loadDeployment(deployment.id).catch(() => {});
}
