// The photograph and the paintings: taken from the shelves, or uploaded.

import { ask, json, post, upload, view } from "./api.js";
import { $, confirmed, make } from "./dom.js";
import { attempt, complain, complainOf, say } from "./notices.js";
import { labelOf, Shelf } from "./shelf.js";
import { framesOf } from "./words.js";

export class Inputs {
  // form: from the server. changed(): called after every change. drawMask(style): lets the user draw. replaced(): called when
  // another photograph or clip is chosen, before `changed`.
  constructor(form, { changed, drawMask, replaced }) {
    Object.assign(this, { form, changed, drawMask, replaced });
    this.content = null;  // an upload
    this.styles = [];     // {upload, weight, mask}
    this.offers = [];
    const accept = { content: [form.accept, form.accept_clips].filter(Boolean).join(","), styles: form.accept };
    const shelf = (role, many) => new Shelf($(role), { accept: accept[role], many, take: files => this.take(files, role),
      press: offer => this.toggle(offer, role), remove: offer => this.delete(offer) });
    this.shelves = { content: shelf("content", false), styles: shelf("styles", true) };
  }

  // Ask the server for the uploads and examples.
  async load() {
    this.offers = await attempt(json("api/uploads")) ?? this.offers;
    this.draw();
  }

  known(number) {
    return this.offers.find(offer => offer.number === number);
  }

  // Upload some files, and use them as the photograph or as paintings; what is too many stays on the shelf. Each that
  // cannot be read is a mistake of its own.
  async take(files, role) {
    const left = [];
    let used = 0;
    for (const file of files) {
      say(`Uploading ${file.name} …`);
      try {
        const picture = await upload(file, file.name, role === "content" ? "content" : "style");
        this.offers = [...this.offers.filter(offer => offer.number !== picture.number), picture];
        say(`${picture.name} is uploaded.`);
        if (role === "content" ? used : this.styles.length >= this.form.most_styles) {
          left.push(picture.name);
          this.draw();
        } else {
          used += 1;
          this.use(picture, role);
        }
      } catch (error) {
        say("");
        complainOf(error);
      }
    }
    if (left.length) complain(`${role === "content" ? "One photograph is painted at a time" : `At most ${this.form.most_styles} paintings are blended`}; ${left.join(", ")} stay${left.length > 1 ? "" : "s"} on the shelf`);
  }

  toggle(offer, role) {
    if (role === "content" && this.content?.number === offer.number) this.content = null;
    else if (role === "styles" && this.styles.some(style => style.upload.number === offer.number)) this.removeStyle(offer);
    else { this.use(offer, role); return; }
    this.draw();
    this.changed();
  }

  removeStyle(offer) {
    this.styles = this.styles.filter(style => style.upload.number !== offer.number);
  }

  use(picture, role) {
    if (role === "content") {
      if (this.content?.number !== picture.number && this.styles.some(style => style.mask)) {
        for (const style of this.styles) style.mask = null;
        complain("The masks drawn on the other photograph are removed");
      }
      if (this.content?.number !== picture.number) this.replaced();
      this.content = picture;
    } else if (this.styles.length >= this.form.most_styles) {
      complain(`At most ${this.form.most_styles} paintings; ${picture.name} is not taken`);
    } else if (!this.styles.some(style => style.upload.number === picture.number)) {
      this.styles.push({ upload: picture, weight: 1, mask: null });
    }
    this.learnRole(picture, role === "content" ? "content" : "style");
    this.draw();
    this.changed();
  }

  // The server keeps the roles in which a picture was used.
  async learnRole(picture, role) {
    if (picture.roles.includes(role)) return;
    const learnt = await attempt(post(`api/uploads/${picture.number}`, { role }));
    if (learnt) {
      picture.roles = learnt.roles;
      this.draw();
    }
  }

  async delete(offer) {
    if (!await confirmed(`Delete “${offer.name}” from the studio? Finished pictures stay.`)) return;
    if (!await attempt(ask(`api/uploads/${offer.number}`, { method: "DELETE" }))) return;
    this.offers = this.offers.filter(other => other.number !== offer.number);
    const wasUsed = this.content?.number === offer.number || this.styles.some(style => style.upload.number === offer.number);
    if (this.content?.number === offer.number) this.content = null;
    this.removeStyle(offer);
    say(`${offer.name} is deleted.`);
    this.draw();
    if (wasUsed) this.changed();
  }

  draw() {
    const used = { content: this.content ? [this.content.number] : [], styles: this.styles.map(style => style.upload.number) };
    for (const [role, shelf] of Object.entries(this.shelves)) {
      const word = role === "content" ? "content" : "style";
      shelf.draw(this.offers.filter(offer => !(offer.frames && role === "styles")).filter(offer => !offer.roles.length || offer.roles.includes(word) || used[role].includes(offer.number)), used[role]);
    }
    $("content-name").textContent = this.content ? `${this.content.name} · ${this.content.width} × ${this.content.height}${this.content.frames ? ` · ${framesOf(this.content, true)}` : ""}`
      : `Choose one, or drop one anywhere on the page.${this.form.accept_clips ? " A clip becomes a film." : ""}`;
    $("clip").hidden = $("filmdials").hidden = !this.content?.frames;
    $("styles-name").textContent = this.styles.length ? this.styles.map(style => labelOf(style.upload)).join(" + ") : "Choose a painting. Several are blended.";
    this.drawChosen();
  }

  // A row for each chosen painting, with its weight and its mask. The focus stays on the same control.
  drawChosen() {
    const focused = document.activeElement?.dataset?.key;
    const blended = this.styles.filter(style => !style.mask);
    $("chosen").replaceChildren(...this.styles.map(style => this.chosen(style, blended)));
    this.drawShares();
    if (focused) $("chosen").querySelector(`[data-key="${focused}"]`)?.focus();
  }

  chosen(style, blended) {
    const { upload: { name, number } } = style, row = make("div", { class: "row chosen" });
    if (this.styles.length > 1) row.append(make("span", { class: "name", text: name }));
    if (blended.length > 1 && !style.mask) {
      const weight = make("input", { type: "range", min: 0.1, max: 2, step: 0.1, value: style.weight, "aria-label": `How much of ${name}`, "data-key": `weight-${number}`,
        oninput: () => { style.weight = Number(weight.value); this.drawShares(); }, onchange: () => this.changed() });
      style.share = make("output");
      row.append(weight, style.share);
    } else {
      style.share = null;
    }
    row.append(make("button", { type: "button", class: "small mask", "data-key": `mask-${number}`, "aria-disabled": this.content ? null : "true",
      "aria-label": `${style.mask ? "Change" : "Draw"} where ${name} applies`, text: style.mask ? "Change where it applies …" : "Draw where it applies …",
      onclick: () => this.content ? this.drawMask(style) : complain("Choose a photograph first: the mask is drawn on it") }));
    if (style.mask) row.append(make("img", { class: "area", src: view(style.mask), alt: "where it applies: white" }));
    if (style.wrong) row.append(make("p", { class: "wrong", text: style.wrong }));
    return row;
  }

  drawShares() {
    const blended = this.styles.filter(style => style.share), total = blended.reduce((sum, style) => sum + style.weight, 0);
    for (const style of blended) style.share.textContent = `${Math.round(100 * style.weight / total)} %`;
  }

  // Show the mistakes of an answer beside the paintings that they belong to.
  mark(parts) {
    this.styles.forEach((style, index) => { style.wrong = parts.filter(part => part.styles?.includes(index)).map(part => part.sentence).join("; "); });
    this.drawChosen();
  }

  // The part of a request with the pictures. Where a mask decides, weights are equal.
  asked() {
    const styles = this.styles.map(({ upload, weight, mask }) => ({ picture: upload.number, weight: mask ? 1 : weight, mask }));
    return { content: this.content?.number, styles };
  }

  // Take over the pictures of a request, as far as they are there. Returns whether all are.
  choose(asked) {
    this.content = this.known(asked.content) ?? null;
    this.styles = asked.styles.filter(style => this.known(style.picture))
      .map(({ picture, weight, mask }) => ({ upload: this.known(picture), weight: weight ?? 1, mask: mask ?? null }));
    this.draw();
    return Boolean(this.content) && this.styles.length === asked.styles.length;
  }

  get complete() {
    return Boolean(this.content && this.styles.length);
  }
}
