// The filmstrip: all pictures and films, the newest first, with their settings and time. The first impression is its first one.

import { view } from "./api.js";
import { $, make, rove, setText } from "./dom.js";
import { momentOf, nameOf, STATES } from "./words.js";

const items = new Map();  // number -> {item, button, image, parts}; "": the first impression
const settle = rove($("film"), "button");

// Show the strip. pictures: from the server, the oldest first. running: of an event, or null. impression: its address, or null.
// shown: the number of the picture that is shown; null for the first impression. known(number): whether an upload is there.
// press(number): called by a press.
export function drawFilm({ pictures, running, impression, shown, known, press }) {
  const wanted = [...pictures].reverse().map(picture => draw(picture, running?.number === picture.number ? running : null, known(picture.content), press));
  if (impression) wanted.unshift(drawImpression(impression, press));
  const kept = new Set(wanted.map(({ number }) => number));
  for (const [number, { item, button }] of items) {
    if (kept.has(number)) continue;
    const neighbour = item.nextElementSibling ?? item.previousElementSibling, hadFocus = document.activeElement === button;
    item.remove();
    items.delete(number);
    if (hadFocus) neighbour?.querySelector("button").focus();
  }
  wanted.forEach(({ item }, index) => { if ($("film").children[index] !== item) $("film").insertBefore(item, $("film").children[index] ?? null); });
  for (const { number, button } of wanted) button.setAttribute("aria-current", String(number === (shown ?? "")));
  $("history").hidden = !wanted.length;
  settle($("film").contains(document.activeElement) ? null : items.get(shown ?? "")?.button);
}

// Bring the shown picture into view.
export function showInFilm(number) {
  const found = items.get(number ?? "");
  if (!found) return;
  const strip = $("film").getBoundingClientRect(), box = found.button.getBoundingClientRect();
  if (box.left < strip.left || box.right > strip.right) $("film").scrollBy({ left: box.left - strip.left - 40, behavior: "smooth" });
}

function entry(number, press) {
  if (!items.has(number)) {
    const image = make("img", { alt: "", loading: "lazy" }), parts = ["name", "words", "state"].map(name => make("span", { class: name }));
    const button = make("button", { type: "button", "data-number": number, onclick: () => press(number || null) },
      make("span", { class: "thumb" }, image), make("span", { class: "text" }, ...parts));
    items.set(number, { number, item: make("li", {}, button), button, image, parts });
  }
  return items.get(number);
}

function fill(found, source, texts, label) {
  if (source && found.image.getAttribute("src") !== source) found.image.src = source;
  found.image.hidden = !source;
  found.parts.forEach((part, index) => setText(part, texts[index]));
  found.button.title = label;
  return found;
}

function draw(picture, running, hasPhotograph, press) {
  const { number, style_names: names, words, status, title, took, frames } = picture;
  const found = entry(number, press), image = running?.iteration !== undefined ? `api/pictures/${number}/current?${running.version}` : picture.image;
  const source = image ?? (hasPhotograph ? view(picture.content) : null);
  const done = (running ?? picture).frames_done, isUnfinished = frames && ["painting", "stopped", "failed"].includes(status);
  const share = isUnfinished ? `, ${done} of ${frames}` : running?.share === undefined ? "" : ` ${Math.floor(100 * running.share)} %`;
  const state = status === "done" ? [momentOf(picture), took].filter(Boolean).join(" · ") : `${STATES[status]}${share}`;
  found.button.className = status;
  found.image.classList.toggle("photograph", !image);
  found.image.parentElement.classList.toggle("moving", Boolean(frames));
  return fill(found, source, [`${picture.ordinal} · ${names.join(" + ")}`, words.join(", "), state], `${nameOf(picture)}, ${title}: ${words.join(", ")}; ${state}`);
}

function drawImpression(address, press) {
  return fill(entry("", press), address, ["First impression", "of what is chosen now", "not painted yet"], "The first impression of what is chosen now");
}
