// The workers: which live, what they do, what waits for them.

import { lost } from "./attention.js";
import { h } from "./dom.js";
import { badge, deploymentLink, empty, fact } from "./parts.js";
import { state } from "./state.js";
import { ago, seconds } from "./words.js";

export const title = () => "Hosts";

export function view() {
  const hosts = [...state.hosts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    h("h1", { tabindex: "-1" }, "Hosts"),
    hosts.length === 0 && empty("No worker has been seen."),
    h("ul", { class: "cards" }, hosts.map(card)),
  ];
}

function card(host) {
  const away = lost(host);
  const targets = [...state.targets.values()].filter((each) => each.host === host.name).length;
  return h("li", { key: host.name, class: `card ${away ? "alarm bad" : ""}` },
    h("h2", {}, host.name),
    h("p", { class: "verdict" }, badge(away ? "gone" : "alive", away ? "away" : "alive"),
      away && h("span", { class: "muted" }, "last seen ", ago(host.last_seen))),
    h("dl", { class: "facts" },
      fact("Engine", host.engine_version ?? "unknown"),
      fact("Targets", String(targets)),
      fact("Running", host.running.length === 0 ? "nothing" : host.running.map((id) =>
        h("div", {}, deploymentLink(id, state.deployments.get(id)?.target ?? id)))),
      fact("Waiting", host.queue_depth === 0 ? "nothing" : `${host.queue_depth}, the oldest for ${seconds(host.queue_oldest_seconds)}`)));
}
