// Past deployments, filtered, a page at a time.

import { get } from "./api.js";
import { h } from "./dom.js";
import { button, deploymentRow, empty } from "./parts.js";
import { changed, keyOf, state } from "./state.js";
import { STATES } from "./words.js";

const PAGE = 50;
let asked = null; // what `found` answers
let found = [];
let more = false;
let problem = null;

export const title = () => "History";

export function view(query) {
  const wanted = { target: query.get("target") ?? "", state: query.get("state") ?? "" };
  const key = JSON.stringify(wanted);
  if (asked !== key) {
    asked = key;
    found = [];
    read(wanted, key);
  }
  return [
    h("h1", { tabindex: "-1" }, "History"),
    h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
      select("Target", "target", wanted, [["", "all targets"], ...targets()]),
      select("Outcome", "state", wanted, [["", "all outcomes"], ...Object.entries(STATES)])),
    problem && h("p", { class: "notice bad", role: "alert" }, problem),
    h("ul", { class: "rows" }, merged(wanted).map((each) => deploymentRow(each))),
    !problem && merged(wanted).length === 0 && empty("None."),
    more && button("Show more", () => read(wanted, key)),
  ];
}

const targets = () => [...state.targets.values()].map((each) => [keyOf(each), `${each.name} on ${each.host}`]).sort();

function select(label, name, wanted, options) {
  return h("label", {}, label, h("select", {
    onchange: (event) => {
      const next = new URLSearchParams({ ...wanted, [name]: event.target.value });
      location.hash = `#/history?${next}`;
    },
  }, options.map(([value, text]) => h("option", { value, selected: value === wanted[name] }, text))));
}

// What was read, as it is now, and what has begun since.
function merged(wanted) {
  const oldest = found.at(-1)?.id ?? "";
  const all = new Map(found.map((each) => [each.id, each]));
  for (const each of state.deployments.values()) {
    const fits = !wanted.target || wanted.target === `${each.target}@${each.host}`;
    if (all.has(each.id) || (fits && each.id > oldest)) all.set(each.id, each);
  }
  return [...all.values()]
    .filter((each) => !wanted.state || each.state === wanted.state)
    .sort((a, b) => (a.id < b.id ? 1 : -1));
}

async function read(wanted, key) {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (wanted.target) query.set("target", wanted.target);
  if (wanted.state) query.set("state", wanted.state);
  if (found.length) query.set("before", found.at(-1).id);
  try {
    const { deployments } = await get(`deployments?${query}`);
    if (asked !== key) return;
    found = [...found, ...deployments];
    more = deployments.length === PAGE;
    problem = null;
  } catch (fault) {
    problem = fault.message;
  }
  changed();
}
