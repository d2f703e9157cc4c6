// Shorthands for the document.

export const $ = id => document.getElementById(id);

// Values that this browser stores for the page, as JSON.
export function keep(name, value) {
  try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* storage is disabled */ }
}

export function recall(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}

// An element: make("button", {class: "small", onclick: ..., text: "Go"}, child, ...)
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(key, value);
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
