// More settings: a field for each setting that is no dial, and those of films. An empty field means the value of the look.

import { $, make } from "./dom.js";

const FRAMES = "frames";  // its field is beside the clip
const GROUPS = { pictures: "Pictures", look: "The look", optimisation: "The optimisation" };

export class More {
  // form: from the server. preset(): the name of the look. changed(name, shown, isSeen): as for Dials.
  constructor(form, preset, changed) {
    Object.assign(this, { form, preset, changed });
    this.values = new Map();  // name of a setting -> the value that the user has given
    this.fields = [...form.more, ...form.film];
    this.build();
    $("reset").addEventListener("click", () => {
      this.use({ [FRAMES]: this.values.get(FRAMES) });
      changed("More settings", "as the look has them", false);
      $("more").querySelector("summary").focus();
    });
  }

  build() {
    $("moredials").replaceChildren(...Object.entries(GROUPS).flatMap(([group, heading]) =>
      [make("h3", { text: heading }), ...this.form.more.filter(dial => dial.group === group).map(dial => this.field(dial))]));
    const [frames, ...others] = this.form.film.map(dial => this.field(dial));
    $("clip").replaceChildren(frames);
    $("filmdials").replaceChildren(make("h3", { text: "The film" }), ...others);
  }

  // Paint all frames: another clip is chosen.
  forgetFrames() {
    this.values.delete(FRAMES);
    $(`set-${FRAMES}`).value = "";
    this.showChanged();
  }

  field(dial) {
    const id = `set-${dial.name}`, words = dial.flag.replace("--", "");
    let input;
    if (dial.kind === "choice" || dial.kind === "switch") {
      const choices = dial.kind === "switch" ? ["yes", "no"] : dial.choices;
      input = make("select", { id }, make("option", { value: "" }), ...choices.map(name => make("option", { value: name, text: name })));
    } else {
      input = make("input", { type: "text", id, inputmode: dial.kind === "number" ? "decimal" : "text", maxlength: 200, spellcheck: "false" });
    }
    input.setAttribute("aria-describedby", `${id}-help`);
    input.addEventListener("change", () => { this.take(dial, input.value); this.changed(words, input.value.trim() || "as the look has it", false); });
    const back = make("button", { type: "button", class: "small back", hidden: true, text: "Reset", "aria-label": `Reset ${words}`, onclick: () => {
      input.value = "";
      this.take(dial, "");
      this.changed(words, "as the look has it", false);
      input.focus();
    } });
    return make("div", { class: "dial" }, make("label", { for: id, text: words }), back, input, make("small", { id: `${id}-help`, text: dial.help }));
  }

  take(dial, text) {
    const value = text.trim();
    if (value === "") this.values.delete(dial.name);
    else this.values.set(dial.name, dial.kind === "switch" ? value === "yes" : value);
    this.showChanged();
  }

  // Show which fields the user has filled in, and how many.
  showChanged() {
    for (const { name } of this.fields) {
      const dial = $(`set-${name}`).closest(".dial"), isChanged = this.values.has(name);
      dial.classList.toggle("changed", isChanged);
      dial.querySelector(".back").hidden = !isChanged;
    }
    const count = this.values.size - this.values.has(FRAMES);
    $("changed").textContent = count ? `· ${count} changed` : "";
    $("reset").hidden = !count;
  }

  // Show the values of the look in the empty fields.
  showDefaults() {
    const { values } = this.form.presets[this.preset()];
    for (const dial of this.fields) {
      const value = dial.default ?? values[dial.name];
      const text = value === null || value === undefined || value.length === 0 ? "not set" : value === true ? "yes" : value === false ? "no" : [value].flat().join(" ");
      const input = $(`set-${dial.name}`);
      if (input.tagName === "SELECT") input.options[0].textContent = text;
      else input.placeholder = text;
    }
  }

  // The part of a request with these settings.
  asked() {
    return Object.fromEntries(this.values);
  }

  // Fill in the fields from the settings of a request.
  use(settings) {
    this.values.clear();
    for (const { name } of this.fields) {
      const value = settings[name];
      $(`set-${name}`).value = value === undefined ? "" : value === true ? "yes" : value === false ? "no" : value;
      if (value !== undefined) this.values.set(name, value);
    }
    this.showChanged();
  }
}
