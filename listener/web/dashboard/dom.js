// A page as a value: `h` describes it, `render` changes only what differs, so that focus, scroll
// and what a screen reader is at stay where they are. The same description twice costs nothing.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "selected", "disabled", "open"]);

export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: children.flat(Infinity).filter(shown).map(asNode) };
}

// A part without handlers that is shown in many places: made once, then copied.
export function shared(tag, props, ...children) {
  return { ...h(tag, props, ...children), copy: null, shared: true };
}

const shown = (child) => child !== null && child !== undefined && child !== false && child !== "";
const asNode = (child) => (typeof child === "object" ? child : { text: String(child) });

export function render(root, ...content) {
  const next = content.flat(Infinity).filter(shown).map(asNode);
  patchChildren(root, root.described ?? [], next, false);
  root.described = next;
}

function create(node, svg) {
  if (node.text !== undefined) return document.createTextNode(node.text);
  if (!node.shared) return make(node, svg);
  node.copy ??= make(node, svg);
  return node.copy.cloneNode(true);
}

function make(node, svg) {
  const inside = svg || node.tag === "svg";
  const element = inside
    ? document.createElementNS(SVG, node.tag)
    : document.createElement(node.tag);
  for (const [name, value] of Object.entries(node.props)) setProp(element, name, value, undefined);
  for (const child of node.children) element.append(create(child, inside));
  return element;
}

function patch(dom, before, after, svg) {
  if (before === after) return dom;
  if (before.tag !== after.tag || before.props?.key !== after.props?.key) {
    const made = create(after, svg);
    dom.replaceWith(made);
    return made;
  }
  if (after.text !== undefined) {
    if (before.text !== after.text) dom.data = after.text;
    return dom;
  }
  for (const name of Object.keys(before.props)) {
    if (!(name in after.props)) setProp(dom, name, undefined, before.props[name]);
  }
  for (const [name, value] of Object.entries(after.props)) {
    if (value !== before.props[name]) setProp(dom, name, value, before.props[name]);
  }
  patchChildren(dom, before.children, after.children, svg || after.tag === "svg");
  return dom;
}

function patchChildren(parent, before, after, svg) {
  const doms = [...parent.childNodes].slice(0, before.length);
  if (before.length === 0) parent.replaceChildren();
  const byKey = new Map();
  before.forEach((node, at) => {
    if (node.props?.key !== undefined) byKey.set(node.props.key, at);
  });
  const kept = new Set();
  const made = after.map((node, at) => {
    const key = node.props?.key;
    const from = key === undefined ? at : byKey.get(key);
    const usable =
      from !== undefined && from < before.length && !kept.has(from) &&
      (key !== undefined || before[from].props?.key === undefined);
    if (!usable) return create(node, svg);
    kept.add(from);
    return patch(doms[from], before[from], node, svg);
  });
  doms.forEach((dom, at) => {
    if (!kept.has(at)) dom.remove();
  });
  made.forEach((dom, at) => {
    if (parent.childNodes[at] !== dom) parent.insertBefore(dom, parent.childNodes[at] ?? null);
  });
}

function setProp(element, name, value, before) {
  if (name === "key") return;
  if (name.startsWith("on")) {
    element[name] = value ?? null;
  } else if (name === "style") {
    for (const each of Object.keys(before ?? {})) {
      if (!(each in (value ?? {}))) element.style.removeProperty(each);
    }
    for (const [each, text] of Object.entries(value ?? {})) element.style.setProperty(each, text);
  } else if (PROPERTIES.has(name)) {
    element[name] = value ?? "";
  } else if (value === undefined || value === null || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : value);
  }
}
