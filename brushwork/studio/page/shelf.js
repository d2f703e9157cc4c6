// A shelf of pictures to choose from: a button for a file, the uploads, the examples. It is one tab stop, and the button another.

import { view } from "./api.js";
import { make, rove } from "./dom.js";
import { framesOf } from "./words.js";

const FIRST = 7;  // uploads that are shown at first, the latest

export class Shelf {
  // section: the element with a ".shelf". take(files), press(offer), remove(offer): called by the user's actions.
  constructor(section, { accept, many, take, press, remove }) {
    this.box = section.querySelector(".shelf");
    Object.assign(this, { press, remove });
    this.tiles = new Map();  // number -> tile
    this.isOpen = false;
    const input = make("input", { type: "file", id: `choose-${section.id}`, accept, multiple: many, "aria-label": many ? "Add paintings from files" : "Add a photograph or a clip from a file" });
    input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
    this.add = make("label", { class: "tile add", title: input.getAttribute("aria-label") }, input, make("span", { text: "+", "aria-hidden": "true" }));
    this.all = make("button", { type: "button", class: "tile all", onclick: () => { this.isOpen = true; this.draw(this.offers, this.used); this.box.querySelectorAll("button.pick")[FIRST]?.focus(); } });
    this.settle = rove(this.box, "button.pick");
    this.box.addEventListener("keydown", event => {
      const offer = this.offers.find(offer => offer.number === event.target.dataset.number);
      if ((event.key === "Delete" || event.key === "Backspace") && offer?.deletable) { event.preventDefault(); remove(offer); }
    });
  }

  // Show these uploads, those with the numbers `used` as pressed. Tiles that stay keep the focus.
  draw(offers, used) {
    Object.assign(this, { offers, used });
    const uploads = offers.filter(offer => !offer.is_example).reverse(), examples = offers.filter(offer => offer.is_example);
    const shown = this.isOpen ? uploads : uploads.filter((offer, index) => index < FIRST || used.includes(offer.number));
    const numbers = [...shown, ...examples].map(offer => offer.number);
    const place = [...this.box.querySelectorAll("button.pick")].indexOf(document.activeElement);
    for (const [number, tile] of this.tiles) if (!numbers.includes(number)) { tile.remove(); this.tiles.delete(number); }
    const ordered = [...shown, ...examples].map(offer => this.tile(offer, used.includes(offer.number)));
    this.all.textContent = `All ${uploads.length}`;
    const wanted = [this.add, ...ordered, ...(shown.length < uploads.length ? [this.all] : [])];
    wanted.forEach((element, index) => { if (this.box.children[index] !== element) this.box.insertBefore(element, this.box.children[index] ?? null); });
    while (this.box.children.length > wanted.length) this.box.lastChild.remove();
    const picks = this.box.querySelectorAll("button.pick");
    if (place > -1 && document.activeElement === document.body) (picks[Math.min(place, picks.length - 1)] ?? this.add.firstChild).focus();
    this.settle(this.box.contains(document.activeElement) ? null : this.box.querySelector("button.pick[aria-pressed=true]"));
  }

  tile(offer, isUsed) {
    if (!this.tiles.has(offer.number)) this.tiles.set(offer.number, this.build(offer));
    const tile = this.tiles.get(offer.number);
    tile.firstChild.setAttribute("aria-pressed", String(isUsed));
    return tile;
  }

  build(offer) {
    const { name, number, deletable, frames, seconds } = offer, title = labelOf(offer);
    const pick = make("button", { type: "button", class: "pick", title, "aria-label": frames ? `${title}, a clip of ${framesOf(offer, true)}` : title, "data-number": number, "aria-keyshortcuts": deletable ? "Delete" : null,
      onclick: () => this.press(offer) }, make("img", { src: view(number), alt: "", loading: "lazy" }));
    if (frames) pick.append(make("span", { class: "length", text: `▸ ${Math.max(1, Math.round(seconds))} s` }));
    if (!deletable) return make("div", { class: "tile" }, pick);
    const away = make("button", { type: "button", class: "away", tabindex: -1, title: `Delete ${name}`, "aria-label": `Delete ${name}`, text: "×", onclick: () => this.remove(offer) });
    return make("div", { class: "tile" }, pick, away);
  }
}

// The name of a picture, and who painted it when.
export function labelOf({ name, credit, is_masterpiece: isMasterpiece }) {
  return isMasterpiece ? [credit.title, credit.artist, credit.year].filter(Boolean).join(", ") : name;
}
