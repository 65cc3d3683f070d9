// The frame: which page is shown, when it is drawn, who is signed in.

import { get, remove } from "./api.js";
import * as deployment from "./deployment.js";
import { h, render } from "./dom.js";
import * as history from "./history.js";
import * as hosts from "./hosts.js";
import * as live from "./live.js";
import * as overview from "./overview.js";
import * as pushes from "./pushes.js";
import * as signin from "./signin.js";
import { changed, onChange, onEnded, state, underWay } from "./state.js";
import * as target from "./target.js";
import { clockTime, STATES } from "./words.js";

const PLACES = [["", "Targets"], ["history", "History"], ["pushes", "Pushes"], ["hosts", "Hosts"]];
const PAGES = { "": overview, targets: target, deployments: deployment, history, pushes, hosts };
const SLOW = 30_000; // how often "2 min ago" is looked at where nothing happens

const main = document.getElementById("main");
const header = document.getElementById("header");
let shownAt = null;

function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return { name, page: PAGES[name] ?? overview, argument: decodeURIComponent(rest.join("/")), query: new URLSearchParams(query) };
}

function draw() {
  const { name, page, argument, query } = place();
  render(header, top(name));
  if (needsToken()) {
    document.title = "Sign in · listener";
    render(main, signin.view(begin));
    return;
  }
  if (!state.loaded) {
    render(main, h("p", { class: state.problem ? "notice bad" : "muted" }, state.problem ?? "Loading …"));
    return;
  }
  const asked = page === history ? query : page === overview ? Math.floor(Date.now() / SLOW) : argument;
  render(main, h("div", { key: location.hash, class: "page" }, page.view(asked)));
  document.title = `${page.title(argument)} · listener`;
  if (shownAt !== location.hash) arrive();
}

// A new page is read from its heading on.
function arrive() {
  const first = shownAt === null;
  if (first) performance.mark("drawn");
  shownAt = location.hash;
  if (first) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function top(name) {
  const { status, since } = state.live;
  const offline = status === "offline" && state.loaded && !needsToken();
  return [
    h("div", { class: "bar" },
      h("a", { class: "brand", href: "#/" }, "listener"),
      !needsToken() && h("nav", { "aria-label": "Pages" }, PLACES.map(([path, text]) =>
        h("a", { href: `#/${path}`, "aria-current": path === name || (path === "" && name === "targets") ? "page" : null }, text))),
      h("div", { class: "bar-end" },
        !needsToken() && h("span", { class: `live ${status}` }, h("i", { "aria-hidden": "true" }), { live: "live", connecting: "connecting", offline: "offline" }[status]),
        state.session?.signed_in && h("button", { type: "button", class: "plain", onclick: signOut }, "Sign out"))),
    offline && h("p", { class: "notice warn banner", role: "alert" }, "Offline since ", clockTime(new Date(since).toISOString()),
      ": what you see is from then. ", state.problem),
    state.complaint && h("p", { class: "notice warn banner", role: "alert" }, state.complaint),
    state.session?.read_only && h("p", { class: "notice quiet banner" },
      "Read-only: this port can be reached from other machines and has no token. Set ", h("code", {}, "admin.token"), " to act from here."),
  ];
}

const needsToken = () => state.session !== null && state.session.token_needed && !state.session.signed_in;

async function begin() {
  try {
    state.session = await get("session");
  } catch (problem) {
    state.problem = problem.message;
    changed();
    setTimeout(begin, 3000);
    return;
  }
  if (!needsToken()) live.start(signedOut);
  changed();
}

function signedOut() {
  live.stop();
  state.session = { ...state.session, signed_in: false };
  state.loaded = state.complete = false;
  changed();
}

async function signOut() {
  try {
    await remove("session");
  } catch (fault) {
    // The cookie is still there: who leaves the page now has not signed out.
    state.complaint = `You are still signed in: ${fault.message}`;
    changed();
    return;
  }
  state.complaint = null;
  for (const name of ["targets", "deployments", "pushes", "hosts"]) state[name].clear();
  signedOut();
}

// A clock on the page goes each second, and only where there is one to be seen.
function tick() {
  const ticking = !document.hidden && underWay().some((each) => each.steps.length > 0);
  if (ticking) changed();
  setTimeout(tick, 1000);
}

onChange(draw);
onEnded((ended) => {
  const why = ended.state === "succeeded" || !ended.reason ? "" : `: ${ended.reason}`;
  document.getElementById("said").textContent = `${ended.target} ${STATES[ended.state]}${why}`;
});
window.onhashchange = changed;
document.getElementById("skip").onclick = (event) => {
  event.preventDefault();
  main.focus();
};
setInterval(() => !document.hidden && changed(), SLOW);
tick();
changed();
begin();
