// What a person should look at, most urgent first, each with the sentence that says why.

import { state } from "./state.js";

const LOST_AFTER = 25_000;

export const lost = (host) =>
  host.alive === false || Date.now() - state.heard.get(host.name) > LOST_AFTER;

export function attention() {
  const found = [];
  for (const host of state.hosts.values()) {
    if (!lost(host)) continue;
    const count = [...state.targets.values()].filter((each) => each.host === host.name).length;
    found.push({
      key: `host ${host.name}`, rank: 1, word: "gone", host,
      title: `Worker ${host.name} is away`,
      why: `Nothing is deployed there, and its ${count} ${count === 1 ? "target" : "targets"} may not be as shown.`,
      at: host.last_seen,
    });
  }
  for (const target of state.targets.values()) {
    const one = ofTarget(target);
    if (one) found.push({ key: `target ${target.name}@${target.host}`, target, ...one });
  }
  return found.sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
}

function ofTarget(target) {
  const last = target.last_deployment;
  const at = last?.finished_at;
  if (target.state === "deploying") return null;
  if (last?.state === "rollback_failed") {
    return { rank: 0, word: "rollback_failed", title: "needs you: its rollback failed", why: last.reason, deployment: last.id, at };
  }
  if (["unhealthy", "stopped", "absent"].includes(target.health) && target.state !== "invalid") {
    const taken = last?.state === "rolled_back" || last?.state === "failed";
    return {
      rank: 1, word: target.health,
      title: { unhealthy: "is unhealthy", stopped: "is stopped", absent: "has no container" }[target.health],
      why: taken ? `Its last deployment: ${last.reason}` : target.reason, deployment: taken ? last.id : null, at,
    };
  }
  if (last?.state === "rolled_back") {
    return { rank: 2, word: "rolled_back", title: "was taken back", why: last.reason, deployment: last.id, at };
  }
  if (last?.state === "failed") {
    return { rank: 2, word: "failed", title: "could not be deployed, and still runs what it ran", why: last.reason, deployment: last.id, at };
  }
  if (target.state === "invalid") {
    return { rank: 3, word: "invalid", title: "cannot be deployed", why: target.reason };
  }
  return null;
}
