// Calls to the admin port. Every failure is an Error whose message is the server's own sentence.

const BASE = "api/v1/";
let ahead = 0; // milliseconds that the server's clock is ahead of ours

export class SignedOut extends Error {}

export const now = () => Date.now() + ahead;

export async function get(path) {
  return call("GET", path);
}

export async function post(path, body = {}) {
  return call("POST", path, body);
}

export async function remove(path) {
  return call("DELETE", path);
}

async function call(method, path, body) {
  const headers = { Accept: "application/json", "X-Listener-Session": "dashboard" };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method, headers, body: body && JSON.stringify(body), credentials: "same-origin",
    });
  } catch {
    throw new Error("This listener cannot be reached from here.");
  }
  const date = Date.parse(answer.headers.get("Date"));
  // The header has whole seconds: less than two of them are no difference.
  if (date) ahead = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  const sentence = content.error ?? `The listener answered ${answer.status}.`;
  if (answer.status === 401 && path !== "session") throw new SignedOut(sentence);
  throw new Error(sentence);
}

export const targetPath = (target) =>
  `targets/${encodeURIComponent(`${target.name}@${target.host}`)}`;
