// What people can do, each after a confirmation that names from and to.

import { get, post, targetPath } from "./api.js";
import { change, confirm } from "./dialog.js";
import { h } from "./dom.js";
import { button } from "./parts.js";
import { canAct, fromOf, isFinal, toOf } from "./state.js";
import { ago, digest, version } from "./words.js";

export function actions(target) {
  if (!canAct()) return null;
  const invalid = target.state === "invalid";
  return [
    !invalid && button("Deploy …", () => deploy(target)),
    !invalid && button("Roll back …", () => rollBack(target)),
    target.state === "paused" ? button("Resume …", () => resume(target)) : button("Pause …", () => pause(target)),
  ];
}

export function deploymentActions(deployment) {
  if (!canAct() || isFinal(deployment)) return null;
  const waits = deployment.state === "waiting" && /^waits for approval/.test(deployment.reason ?? "");
  return [
    waits && button("Approve …", () => approve(deployment), "primary"),
    CANCELLABLE.has(deployment.state) && button("Cancel …", () => cancel(deployment)),
  ];
}

// From the swap on it goes to its end, one way or the other.
const CANCELLABLE = new Set(["queued", "waiting", "pulling", "checking"]);

const running = (target) => version(target.tag, target.digest);
const goTo = (answer) => `#/deployments/${answer.id}`;

function deploy(target) {
  const asked = { tag: target.tag ?? "", force: false };
  confirm({
    title: `Deploy ${target.name} on ${target.host}?`,
    label: "Deploy",
    fields: (draw) => [
      change(running(target), asked.tag
        ? ["what ", h("b", {}, asked.tag), " of ", h("code", {}, target.image), " is at the registry now"]
        : "what its tag is at the registry now"),
      h("label", {}, "Tag", h("input", { value: asked.tag, autocomplete: "off", spellcheck: "false",
        oninput: (event) => { asked.tag = event.target.value.trim(); draw(); } })),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: asked.force,
        onchange: (event) => { asked.force = event.target.checked; draw(); } }),
        "Also where it runs already, or was taken back before"),
    ],
    act: async () => goTo(await post(`${targetPath(target)}/deploy`,
      { ...(asked.tag && { tag: asked.tag }), force: asked.force })),
  });
}

async function rollBack(target) {
  let known = { good: [] };
  let problem = null;
  try {
    known = await get(`${targetPath(target)}/digests`);
  } catch (fault) {
    problem = fault.message;
  }
  const choices = known.good.filter((each) => each.digest !== target.digest);
  let chosen = choices[0] ?? null;
  confirm({
    title: `Roll ${target.name} back on ${target.host}?`,
    label: "Roll back",
    kind: "danger",
    fields: (draw) => [
      change(running(target), chosen ? version(chosen.tag, chosen.digest) : "the last good version before it"),
      choices.length > 0 && h("fieldset", {}, h("legend", {}, "Versions that were good here, and are held"),
        choices.map((each) => h("label", { key: each.digest, class: "check" },
          h("input", { type: "radio", name: "digest", value: each.digest, checked: each === chosen,
            onchange: () => { chosen = each; draw(); } }),
          h("span", {}, version(each.tag, each.digest), h("span", { class: "small muted" }, " good since ", ago(each.at)))))),
      choices.length === 0 && h("p", { class: "muted" }, problem ?? "No other version is known to have been good here."),
      h("p", { class: "small muted" }, "What runs now will be left alone from then on, until someone deploys it by hand."),
    ],
    act: async () => goTo(await post(`${targetPath(target)}/rollback`, chosen ? { digest: chosen.digest } : {})),
  });
}

function pause(target) {
  let reason = "";
  confirm({
    title: `Pause ${target.name} on ${target.host}?`,
    label: "Pause",
    fields: () => [
      change("deploys what is pushed", ["stays at ", running(target), "; pushes wait, the newest of them wins"]),
      h("label", {}, "Why (others will read it)", h("input", { value: reason, autocomplete: "off",
        oninput: (event) => { reason = event.target.value; } })),
    ],
    act: async () => void (await post(`${targetPath(target)}/pause`, reason ? { reason } : {})),
  });
}

function resume(target) {
  confirm({
    title: `Resume ${target.name} on ${target.host}?`,
    label: "Resume",
    fields: () => change(["paused", target.reason && `: ${target.reason}`], "deploys what is pushed, and first what waits"),
    act: async () => void (await post(`${targetPath(target)}/resume`)),
  });
}

function approve(deployment) {
  confirm({
    title: `Approve this deployment of ${deployment.target}?`,
    label: "Approve",
    fields: () => change(digest(fromOf(deployment)), version(deployment.tag, toOf(deployment))),
    act: async () => void (await post(`deployments/${deployment.id}/approve`)),
  });
}

function cancel(deployment) {
  confirm({
    title: `Cancel this deployment of ${deployment.target}?`,
    label: "Cancel it",
    kind: "danger",
    fields: () => [
      change(version(deployment.tag, toOf(deployment)), ["stays at ", digest(fromOf(deployment))]),
      h("p", { class: "small muted" }, "It can be cancelled until the swap begins."),
    ],
    act: async () => void (await post(`deployments/${deployment.id}/cancel`)),
  });
}
