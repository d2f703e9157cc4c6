// The settings: six dials that are always shown, and all other settings under More settings.

import { $, make } from "./dom.js";

const HALF_POWERS = value => Math.round(100 * 2 ** value) / 100;
const STRENGTHS = { min: -3, max: 3, step: 0.5 };  // powers of two
const SIZES = [256, 384, 512, 768, 1024, 1536, 2048, 3072, 3840];  // px
const FIRST_SIZE = 512;

export class Dials {
  // form: the settings, from the server. changed(changesPreview): called after every change by the user.
  constructor(form, changed) {
    this.form = form;
    this.changed = changed;
    this.touched = new Map();  // field -> value, of the fields filled in under "More settings"
    this.build();
  }

  build() {
    const dials = $("dials");
    dials.replaceChildren(
      this.presets(),
      this.range("strength", "Strength", STRENGTHS, 0, value => `× ${HALF_POWERS(value)}`, "Less: more of the photograph. More: more of the painting"),
      this.range("strokes", "Size of the strokes", { min: -1, max: 1, step: 0.25 }, 0, value => `× ${HALF_POWERS(value)}`,
        "Smaller: finer strokes. Larger: coarser ones"),
      this.range("keep", "Keep my colours", { min: 0, max: 100, step: 10 }, 0, value => `${value} %`, "The colours of the photograph instead of the painting's"),
      this.range("size", "Size of the result", { min: 0, max: SIZES.length - 1, step: 1 }, SIZES.indexOf(FIRST_SIZE),
        value => `${SIZES[value]} px`, "Its longer side. Twice the size takes four times as long"),
      this.range("quality", "Quality", { min: 0, max: this.form.qualities.length - 1, step: 1 },
        this.form.qualities.indexOf("normal"), value => this.form.qualities[value], "Finer takes longer"),
    );
    this.buildMore();
  }

  range(id, name, limits, value, shown, hint) {
    const output = make("output", { for: id });
    const input = make("input", { type: "range", id, ...limits, value });
    const update = () => {
      output.textContent = shown(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", update);
    input.addEventListener("change", () => this.changed(id === "keep"));
    update();
    const parts = [make("label", { for: id, text: name }), output, input];
    return make("div", { class: "dial" }, ...parts, ...(hint ? [make("small", { text: hint })] : []));
  }

  presets() {
    const preset = make("select", { id: "preset" }, ...Object.keys(this.form.presets).map(name => make("option", { value: name, text: name })));
    preset.value = this.form.preset;
    preset.addEventListener("change", () => { this.showDefaults(); this.changed(false); });
    return make("div", { class: "dial" }, make("label", { for: "preset", text: "Look" }), preset, make("small", { id: "purpose" }));
  }

  buildMore() {
    const parts = [];
    if (this.form.networks.length) {
      const options = this.form.networks.map(name => make("option", { value: name, text: name }));
      const network = make("select", { id: "network" }, make("option", { value: "", text: "the best one present" }), ...options);
      parts.push(make("div", { class: "dial" }, make("label", { for: "network", text: "Network" }), network));
    }
    $("moredials").replaceChildren(...parts, ...this.form.more.map(dial => this.field(dial)));
    this.showDefaults();
  }

  field(dial) {
    const id = `set-${dial.name}`;
    const label = make("label", { for: id, text: dial.flag.replace("--", "") });
    const help = make("small", { id: `${id}-help`, text: dial.help });
    let input;
    if (dial.kind === "choice" || dial.kind === "switch") {
      const choices = dial.kind === "switch" ? ["yes", "no"] : dial.choices;
      input = make("select", { id }, make("option", { value: "" }), ...choices.map(name => make("option", { value: name, text: name })));
    } else {
      const mode = dial.kind === "number" ? "decimal" : "text";
      input = make("input", { type: "text", id, inputmode: mode, maxlength: 200, spellcheck: "false" });
    }
    input.setAttribute("aria-describedby", help.id);
    input.addEventListener("change", () => {
      const value = input.value.trim();
      if (value === "") this.touched.delete(dial.name);
      else this.touched.set(dial.name, dial.kind === "switch" ? value === "yes" : value);
      this.changed(false);
    });
    return make("div", { class: "dial" }, label, input, help);
  }

  // Show the values of the preset in the empty fields.
  showDefaults() {
    const { values, purpose } = this.form.presets[$("preset").value];
    $("purpose").textContent = purpose;
    for (const dial of this.form.more) {
      const value = values[dial.name];
      const text = value === null || value === undefined || value.length === 0 ? "not set" : value === true ? "yes" : value === false ? "no" : [value].flat().join(" ");
      const input = $(`set-${dial.name}`);
      if (input.tagName === "SELECT") input.options[0].textContent = text;
      else input.placeholder = text;
    }
  }

  // The part of a request with the settings.
  asked() {
    const settings = Object.fromEntries(this.touched);
    const strength = HALF_POWERS(Number($("strength").value)), strokes = HALF_POWERS(Number($("strokes").value));
    if (strength !== 1) settings.strength = strength;
    if (strokes !== 1) settings.style_scales = strokes;
    const keep = Number($("keep").value);
    if (keep > 0) settings.colors = "luma";
    if (keep > 0 && keep < 100) settings.color_strength = keep / 100;
    if (!settings.width && !settings.height && !settings.long_side) settings.long_side = SIZES[$("size").value];
    return { preset: $("preset").value, quality: this.form.qualities[$("quality").value], network: $("network")?.value || undefined, settings };
  }

  // Set the dials to the settings of a request.
  use({ preset, quality, network, settings }) {
    const nearest = value => SIZES.reduce((best, size, index) => Math.abs(size - value) < Math.abs(SIZES[best] - value) ? index : best, 0);
    const values = {
      strength: Math.log2(settings.strength ?? 1), strokes: Math.log2(settings.style_scales ?? 1),
      keep: settings.colors === "luma" ? 100 * (settings.color_strength ?? 1) : 0,
      size: nearest(settings.long_side ?? FIRST_SIZE), quality: this.form.qualities.indexOf(quality ?? "normal"),
    };
    for (const [id, value] of Object.entries(values)) {
      $(id).value = value;
      $(id).dispatchEvent(new Event("input"));
    }
    $("preset").value = preset ?? this.form.preset;
    if ($("network")) $("network").value = network ?? "";
    this.touched.clear();
    for (const dial of this.form.more) {
      const value = settings[dial.name];
      $(`set-${dial.name}`).value = value === undefined ? "" : value === true ? "yes" : value === false ? "no" : value;
      if (value !== undefined) this.touched.set(dial.name, value);
    }
    this.showDefaults();
  }
}
