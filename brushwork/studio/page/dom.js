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

// Set the text of an element, unless it is there already: a live region would be read again.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Make one tab stop of the elements in a box that match a selector; arrow keys, Home and End move between them.
export function rove(box, selector) {
  const all = () => [...box.querySelectorAll(selector)];
  const settle = chosen => {
    const items = all(), one = chosen ?? items.find(item => item.tabIndex === 0) ?? items[0];
    for (const item of items) item.tabIndex = item === one ? 0 : -1;
  };
  box.addEventListener("focusin", event => { if (event.target.matches(selector)) settle(event.target); });
  box.addEventListener("keydown", event => {
    if (!event.target.matches(selector)) return;
    const items = all(), place = items.indexOf(event.target), columns = columnsOf(items);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, ArrowDown: place + columns, ArrowUp: place - columns, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    items[next]?.focus();
  });
  return settle;
}

// The number of items in the first row.
function columnsOf(items) {
  const top = items[0]?.getBoundingClientRect().top;
  const other = items.findIndex(item => Math.abs(item.getBoundingClientRect().top - top) > 4);
  return other === -1 ? items.length : other;
}

// Ask whether to do something; returns a promise of the answer. The focus returns to where it was.
export function confirmed(question, yes = "Delete", no = "Keep it") {
  const dialog = $("confirm");
  $("question").textContent = question;
  $("yes").textContent = yes;
  $("no").textContent = no;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
$("yes").addEventListener("click", () => $("confirm").close("yes"));
$("no").addEventListener("click", () => $("confirm").close());
