// Again with ...: the choices of a painted picture, with one thing changed.

import { $, make } from "./dom.js";

const VARIATIONS = [
  ["the same settings", { line: "as it is" }],
  ["another painting …", { empties: "styles", line: "choose a painting" }],
  ["another photograph …", { empties: "content", line: "choose a photograph" }],
  ["more of the painting", { dial: "strength", steps: 1, line: "strength" }],
  ["less of the painting", { dial: "strength", steps: -1, line: "strength" }],
  ["larger strokes", { dial: "strokes", steps: 2, line: "strokes" }],
  ["finer strokes", { dial: "strokes", steps: -2, line: "strokes" }],
  ["a larger size", { dial: "size", steps: 1, line: "longer side" }],
];

// vary(variation): called with the one that is chosen.
export function buildVariations(vary) {
  $("variations").replaceChildren(...VARIATIONS.map(([text, variation]) => make("button", { type: "button", text, onclick: () => {
    $("variations").hidePopover();
    vary(variation);
  } })));
}

// Open a popover above or below its button.
for (const [button, popover] of [["save", "formats"], ["again", "variations"]]) {
  $(popover).addEventListener("toggle", event => {
    if (event.newState !== "open") return;
    const from = $(button).getBoundingClientRect(), box = $(popover).getBoundingClientRect();
    const top = from.top - box.height - 6 >= 0 ? from.top - box.height - 6 : Math.min(from.bottom + 6, innerHeight - box.height);
    $(popover).style.top = `${Math.max(0, top)}px`;
    $(popover).style.left = `${Math.max(8, Math.min(from.left, innerWidth - box.width - 8))}px`;
  });
}
$("formats").addEventListener("click", event => { if (event.target.matches("a")) $("formats").hidePopover(); });
