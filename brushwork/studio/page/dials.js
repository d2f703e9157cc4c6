// The settings: six dials that are always shown. All other settings are under More settings; see more.js.

import { $, make } from "./dom.js";
import { More } from "./more.js";

const HALF_POWERS = value => Math.round(100 * 2 ** value) / 100;
const STRENGTHS = { min: -3, max: 3, step: 0.5 };  // powers of two
const SIZES = [256, 384, 512, 768, 1024, 1536, 2048, 3072, 3840];  // px
const FIRST_SIZE = 512;
// The dial of a setting.
const DIALS = { strength: "strength", style_scales: "strokes", colors: "keep", color_strength: "keep", long_side: "size", preset: "preset", network: "network" };

export class Dials {
  // form: the settings, from the server. changed(name, shown, isSeen): called after every change by the user; isSeen:
  // whether the first impression follows it.
  constructor(form, changed) {
    this.form = form;
    this.changed = changed;
    this.more = new More(form, () => $("preset").value, changed);
    this.build();
  }

  build() {
    const { qualities } = this.form;
    $("dials").replaceChildren(
      this.presets(),
      this.range("strength", "Strength", STRENGTHS, 0, value => `× ${HALF_POWERS(value)}`, "Less: more of the photograph. More: more of the painting"),
      this.range("strokes", "Size of the strokes", { min: -1, max: 1, step: 0.25 }, 0, value => `× ${HALF_POWERS(value)}`,
        "Smaller: finer strokes. Larger: coarser ones"),
      this.range("keep", "Keep my colours", { min: 0, max: 100, step: 10 }, 0, value => `${value} %`, "The colours of the photograph instead of the painting's", true),
      this.range("size", "Size of the result", { min: 0, max: SIZES.length - 1, step: 1 }, SIZES.indexOf(FIRST_SIZE),
        value => `${SIZES[value]} px`, "Its longer side, at most that of the photograph"),
      this.range("quality", "Quality", { min: 0, max: qualities.length - 1, step: 1 }, qualities.indexOf("normal"), value => qualities[value], "Finer takes longer"),
    );
    if (this.form.networks.length) {
      const options = this.form.networks.map(name => make("option", { value: name, text: name }));
      const network = make("select", { id: "network", onchange: () => this.changed("Network", network.value || "the best one present", false) },
        make("option", { value: "", text: "the best one present" }), ...options);
      $("moredials").prepend(make("div", { class: "dial" }, make("label", { for: "network", text: "network" }), network));
    }
    this.showPreset();
  }

  range(id, name, limits, value, shown, hint, isSeen = false) {
    const output = make("output", { for: id });
    const input = make("input", { type: "range", id, ...limits, value, "aria-describedby": `${id}-hint` });
    const update = () => {
      output.textContent = shown(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", update);
    input.addEventListener("change", () => this.changed(name, output.textContent, isSeen));
    update();
    return make("div", { class: "dial" }, make("label", { for: id, text: name }), output, input, make("small", { id: `${id}-hint`, text: hint }));
  }

  presets() {
    const preset = make("select", { id: "preset", "aria-describedby": "purpose" }, ...Object.keys(this.form.presets).map(name => make("option", { value: name, text: name })));
    preset.value = this.form.preset;
    preset.addEventListener("change", () => { this.showPreset(); this.changed("Look", preset.value, false); });
    return make("div", { class: "dial" }, make("label", { for: "preset", text: "Look" }), preset, make("small", { id: "purpose" }));
  }

  showPreset() {
    $("purpose").textContent = this.form.presets[$("preset").value].purpose;
    this.more.showDefaults();
  }

  // Move a dial by some steps, as far as it goes.
  step(id, steps) {
    const input = $(id);
    input.value = Number(input.value) + steps * Number(input.step);
    input.dispatchEvent(new Event("input"));
    return input.getAttribute("aria-valuetext");
  }

  // The part of a request with the settings.
  asked() {
    const settings = this.more.asked();
    const strength = HALF_POWERS(Number($("strength").value)), strokes = HALF_POWERS(Number($("strokes").value));
    if (strength !== 1) settings.strength = strength;
    if (strokes !== 1) settings.style_scales = strokes;
    const keep = Number($("keep").value);
    if (keep > 0) settings.colors = "luma";
    if (keep > 0 && keep < 100) settings.color_strength = keep / 100;
    if (!settings.width && !settings.height) settings.long_side = SIZES[$("size").value];
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
    this.more.use(settings);
    this.showPreset();
  }

  // Mark the fields that mistakes belong to, and unmark all others. Returns the first of them, or undefined.
  mark(parts) {
    for (const old of document.querySelectorAll(".dial .wrong")) old.remove();
    for (const field of document.querySelectorAll(".dial [aria-invalid]")) {
      field.removeAttribute("aria-invalid");
      const hints = field.getAttribute("aria-describedby").split(" ").filter(id => !id.startsWith("wrong-"));
      if (hints.length) field.setAttribute("aria-describedby", hints.join(" "));
      else field.removeAttribute("aria-describedby");
    }
    let first;
    for (const { sentence, fields } of parts) {
      for (const name of fields ?? []) {
        const field = $(`set-${name}`) ?? $(DIALS[name]);
        if (!field || field.hasAttribute("aria-invalid")) continue;
        first ??= field;
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", `wrong-${field.id} ${field.getAttribute("aria-describedby") ?? ""}`.trim());
        field.after(make("p", { class: "wrong", id: `wrong-${field.id}`, text: sentence.replace(/^--/, "") }));
      }
    }
    return first;
  }
}
