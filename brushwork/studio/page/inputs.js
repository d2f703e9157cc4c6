// The photograph and the paintings: dropped, chosen, pasted, or taken from the offered ones.

import { upload } from "./api.js";
import { $, make, recall, keep } from "./dom.js";

export const view = number => `api/uploads/${number}/view`;
const MOST_STYLES = 8, MOST_OFFERS = 14;

const invitation = kind => matchMedia("(pointer: coarse)").matches ? `Choose a ${kind}` : `Drop a ${kind} here, or click to choose one`;

export class Inputs {
  // say(sentence, isError): shows a message. changed(): called after every change. drawMask(style): lets the user draw.
  constructor({ say, changed, drawMask }) {
    Object.assign(this, { say, changed, drawMask });
    this.content = null;  // an upload
    this.styles = [];     // {upload, weight, mask}
    this.offers = [];
    this.roles = recall("roles") ?? {};  // number of an upload -> the role it was used in
    for (const role of ["content", "styles"]) this.acceptDrops($(role), role);
    window.addEventListener("dragover", event => event.preventDefault());
    window.addEventListener("drop", event => event.preventDefault());
    window.addEventListener("paste", event => this.take([...event.clipboardData.files], this.content ? "styles" : "content"));
    this.draw();
  }

  acceptDrops(zone, role) {
    zone.addEventListener("dragover", event => { event.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", event => {
      event.preventDefault();
      zone.classList.remove("over");
      this.take([...event.dataTransfer.files], role);
    });
  }

  // Upload some files, and use them as the photograph or as paintings.
  async take(files, role) {
    for (const file of role === "content" ? files.slice(0, 1) : files) {
      this.say(`Uploading ${file.name} …`);
      try {
        const picture = await upload(file, file.name, role === "styles" ? "style" : "content");
        this.offers = [...this.offers.filter(offer => offer.number !== picture.number), picture];
        this.use(picture, role);
        this.say("");
      } catch (error) {
        this.say(error.message, true);
      }
    }
  }

  use(picture, role) {
    this.roles[picture.number] = role;
    keep("roles", this.roles);
    if (role === "content") {
      if (this.content?.number !== picture.number && this.styles.some(style => style.mask)) {
        for (const style of this.styles) style.mask = null;
        this.say("The masks drawn on the other photograph are removed.");
      }
      this.content = picture;
    } else if (this.styles.length >= MOST_STYLES) {
      this.say(`At most ${MOST_STYLES} paintings`, true);
    } else if (!this.styles.some(style => style.upload.number === picture.number)) {
      this.styles.push({ upload: picture, weight: 1, mask: null });
    }
    this.draw();
    this.changed();
  }

  draw() {
    const one = this.content ? [this.chosen(this.content, () => { this.content = null; })] : [];
    $("content").replaceChildren(...one, this.chooser("content", this.content ? "Another photograph" : invitation("photograph")),
      ...this.offered("content"));
    const many = this.styles.map(style => this.chosen(style.upload, () => this.styles.splice(this.styles.indexOf(style), 1), style));
    $("styles").replaceChildren(...many, this.chooser("styles", many.length ? "One more painting" : invitation("painting")),
      ...this.offered("styles"));
    this.drawShares();
  }

  chooser(role, text) {
    const label = $("chooser").content.cloneNode(true).querySelector("label"), input = label.querySelector("input");
    label.querySelector("span").textContent = text;
    input.id = `choose-${role}`;
    input.multiple = role === "styles";
    input.addEventListener("change", () => this.take([...input.files], role));
    label.addEventListener("keydown", event => {
      if (event.target === label && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); input.click(); }
    });
    return label;
  }

  // The offered pictures: the examples and the latest uploads.
  offered(role) {
    const used = [this.content?.number, ...this.styles.map(style => style.upload.number)];
    const isMeant = picture => picture.roles.includes(role === "styles" ? "style" : "content");
    const free = this.offers.filter(picture => !used.includes(picture.number) && (this.roles[picture.number] ?? role) === role && (!picture.is_example || isMeant(picture)));
    if (!free.length) return [];
    const uploads = free.filter(picture => !picture.is_example).reverse().slice(0, MOST_OFFERS);
    const buttons = [...uploads, ...free.filter(picture => picture.is_example)].map(picture =>
      make("button", { type: "button", title: picture.name, "aria-label": `Use ${picture.name}`, onclick: () => this.use(picture, role) },
        make("img", { src: view(picture.number), alt: "", loading: "lazy" })));
    return [make("div", { class: "offers" }, make("span", { text: "or" }), ...buttons)];
  }

  chosen(picture, remove, style) {
    const away = make("button", { type: "button", class: "small", text: "Remove", "aria-label": `Remove ${picture.name}`,
      onclick: () => { remove(); this.draw(); this.changed(); } });
    const parts = [make("img", { src: view(picture.number), alt: picture.name }), make("span", { class: "name", text: picture.name }), away];
    if (style) {
      const row = make("div", { class: "row" });
      if (this.styles.length > 1) {
        const share = make("output");
        const weight = make("input", { type: "range", min: 0.1, max: 2, step: 0.1, value: style.weight, "aria-label": `How much of ${picture.name}`,
          oninput: () => { style.weight = Number(weight.value); this.drawShares(); }, onchange: () => this.changed() });
        style.share = share;
        row.append(make("label", {}, share, weight));
      }
      row.append(make("button", { type: "button", class: "small mask", text: style.mask ? "Change where it applies …" : "Draw where it applies …",
        disabled: !this.content, onclick: () => this.drawMask(style) }));
      if (style.mask) row.append(make("img", { class: "area", src: view(style.mask), alt: "where it applies: white" }));
      parts.push(row);
    }
    return make("div", { class: "chosen" }, ...parts);
  }

  drawShares() {
    const total = this.styles.reduce((sum, style) => sum + style.weight, 0);
    for (const style of this.styles) if (style.share) style.share.textContent = `${Math.round(100 * style.weight / total)} %`;
  }

  // The part of a request with the pictures.
  asked() {
    const styles = this.styles.map(({ upload, weight, mask }) => ({ picture: upload.number, weight, mask }));
    return { content: this.content?.number, styles };
  }

  get complete() {
    return Boolean(this.content && this.styles.length);
  }
}
