// The stream of events: opened while the page is seen, resumed after a break, reloaded where the
// server says that it cannot tell what was missed.

import { get, SignedOut } from "./api.js";
import { changed, load, state, take } from "./state.js";

const KINDS = ["target", "target_removed", "deployment", "push", "host", "host_removed"];
const AGAIN = [1000, 2000, 4000, 8000, 15000];
const RELOAD_AT_MOST = 10_000;

let source = null;
let last = null; // the id to go on from; null: everything is to be loaded
let failures = 0;
let timer = 0;
let loadedAt = 0;
let waiting = []; // events that came while everything is being loaded
let loading = false;
let onSignedOut = () => {};

export function start(signedOut) {
  onSignedOut = signedOut;
  document.onvisibilitychange = () => (document.hidden ? close() : open());
  window.onpagehide = close;
  window.onpageshow = (event) => event.persisted && open();
  if (document.hidden) reload();
  else open();
}

export function stop() {
  document.onvisibilitychange = window.onpageshow = null;
  close();
  last = null;
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function open() {
  close();
  source = new EventSource(last ? `api/v1/events?since=${encodeURIComponent(last)}` : "api/v1/events");
  source.addEventListener("ready", (event) => {
    failures = 0;
    const fresh = last === null;
    last = event.lastEventId;
    if (fresh) reload();
    else online();
  });
  source.addEventListener("reset", (event) => {
    failures = 0;
    last = event.lastEventId;
    reload();
  });
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      last = event.lastEventId || last;
      const content = JSON.parse(event.data);
      if (loading) waiting.push([kind, content]);
      else take(kind, content);
    });
  }
  source.onerror = () => {
    offline();
    // The browser comes back by itself after a break, but not after an answer that is no stream.
    if (source?.readyState === EventSource.CLOSED) later();
  };
}

function later() {
  close();
  const pause = AGAIN[Math.min(failures++, AGAIN.length - 1)];
  timer = setTimeout(async () => {
    try {
      const session = await get("session");
      if (session.token_needed && !session.signed_in) onSignedOut();
      else open();
    } catch (problem) {
      offline(problem.message);
      later();
    }
  }, pause * (0.8 + 0.4 * Math.random()));
}

// Everything anew; what happens meanwhile is applied afterwards.
async function reload() {
  if (loading) return;
  loading = true;
  try {
    const wait = loadedAt ? loadedAt + RELOAD_AT_MOST * Math.random() - Date.now() : 0;
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    await load();
    loadedAt = Date.now();
    online();
  } catch (problem) {
    last = null;
    if (problem instanceof SignedOut) onSignedOut();
    else {
      offline(problem.message);
      later();
    }
  } finally {
    loading = false;
    for (const [kind, content] of waiting.splice(0)) take(kind, content);
  }
}

function online() {
  if (state.live.status !== "live") state.live = { status: "live", since: Date.now() };
  state.problem = null;
  changed();
}

function offline(problem = null) {
  if (state.live.status !== "offline") state.live = { status: "offline", since: Date.now() };
  state.problem = problem;
  changed();
}
