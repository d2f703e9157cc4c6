// The page: sends the choices at the left as requests, and shows pictures and their progress at the right and below.

import { ask, json, listen, post } from "./api.js";
import { drawCurve } from "./curve.js";
import { Dials } from "./dials.js";
import { $, keep, make, recall } from "./dom.js";
import { Inputs, view } from "./inputs.js";
import { drawMask } from "./mask.js";

const WORDS = { waiting: "waiting", starting: "starting", painting: "painting", stopping: "stopping, and saving", stopped: "stopped", done: "done", failed: "not painted", rescued: "saved elsewhere", removed: "removed from the queue" };
const ACTIVE = ["waiting", "starting", "painting", "stopping"];
let pictures = [], running = null;
let shown = null;      // the number of the picture that is shown, or null for the preview
let details = null;    // about that picture
let preview = null;    // {address, content} of the preview
let asking = null, loading = null;

// Show a sentence above the Paint button.
function say(sentence, isError = false) {
  $("line").textContent = sentence;
  $("line").classList.toggle("error", isError);
}

const sayError = error => { if (error.name !== "AbortError") say(error.message, true); };

const form = await json("api/form");
const dials = new Dials(form, changesPreview => { remember(); if (changesPreview) requestPreview(); });
const inputs = new Inputs({ say, changed: () => { $("paint").disabled = !inputs.complete; remember(); requestPreview(); }, drawMask: style =>
  drawMask(inputs.content, style, others(style), (mask, error) => {
    style.mask = mask;
    if (error) say(error, true);
    inputs.draw();
    remember();
    requestPreview();
  }) });
inputs.offers = await json("api/uploads");
inputs.draw();

// The names of the paintings that apply outside the mask of `style`.
function others(style) {
  return inputs.styles.filter(other => other !== style && !other.mask).map(other => other.upload.name);
}

function remember() {
  keep("request", request());
}

const request = () => ({ ...inputs.asked(), ...dials.asked() });

// Request the preview of the current choices; a newer request cancels an older one.
async function requestPreview() {
  asking?.abort();
  if (!inputs.complete) return;
  asking = new AbortController();
  const { signal } = asking, asked = request(), then = shown;
  if (!running) say("Making a preview …");
  if ($("canvas").classList.contains("empty")) $("caption").textContent = "Making a preview …";
  try {
    const body = JSON.stringify(asked);
    const response = await ask("api/preview", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
    const address = URL.createObjectURL(await response.blob());
    if (preview) URL.revokeObjectURL(preview.address);
    preview = { address, content: asked.content };
    say("");
    if (shown === then && (!running || shown === null)) showPicture(null);  // unless another picture was requested since
  } catch (error) {
    if (error.status !== 409) sayError(error);
    else if (!signal.aborted) say("");  // another tab requested one
  }
}

// Show the picture with a number; null: the preview.
async function showPicture(number) {
  if (number !== shown) compare(100);
  shown = number;
  details = null;
  $("again").disabled = true;  // until they are there
  drawHistory();
  if (number === null) {
    setImage(preview.address, preview.content);
    $("caption").textContent = `A rough preview. Paint makes the real picture.${pictures.length ? " Finished ones are kept under Pictures." : ""}`;
    for (const id of ["progress", "about", "stop", "continue", "png", "tif", "again", "remove"]) $(id).hidden = true;
    for (const id of ["tools", "jpg"]) $(id).hidden = false;
    $("jpg").href = preview.address;
    $("jpg").download = "preview.jpg";
    $("jpg").textContent = "Save this preview";
    return;
  }
  try {
    const found = await json(`api/pictures/${number}`);
    if (shown !== number) return;
    details = found;
    drawDetails();
  } catch (error) { sayError(error); }
}

// Show an image once it is loaded. While one is loading, only the newest of those that follow is kept.
function setImage(address, content) {
  if (loading) { loading.next = [address, content]; return; }
  const image = new Image();
  loading = { next: null };
  const finish = () => {
    const { next } = loading;
    loading = null;
    if (next) setImage(...next);
  };
  image.onload = () => {
    $("picture").src = address;
    if (content && $("before").dataset.number !== content) {
      $("before").src = view(content);
      $("before").dataset.number = content;
    }
    $("frame").style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    $("canvas").classList.remove("empty");
    finish();
  };
  image.onerror = finish;
  image.src = address;
}

function drawDetails() {
  const { number, title, status, version, asked, messages, command, curve, kinds, resumable } = details;
  const active = ACTIVE.includes(status), now = running?.number === number ? running : null;
  if (now?.iteration !== undefined) setImage(`api/pictures/${number}/current?${now.version}`, asked.content);
  else if (kinds.includes(".png")) setImage(`api/pictures/${number}/picture.png?${version}`, asked.content);
  else setImage(...(preview?.content === asked.content ? [preview.address] : [view(asked.content)]), asked.content);  // until there is one
  $("picture").alt = title;
  const reason = messages.filter(message => message.level === "error").at(-1) ?? messages.at(-1);
  const state = { failed: reason?.text ?? WORDS.failed, waiting: "waiting until the picture before it is done" }[status] ?? WORDS[status];
  $("caption").textContent = `${title}: ${state}`;
  for (const id of ["tools", "about", "again"]) $(id).hidden = false;
  $("again").disabled = false;
  $("stop").hidden = !active;
  $("stop").disabled = status === "stopping";
  $("stop").textContent = status === "waiting" ? "Remove from the queue" : status === "stopping" ? "Saving …" : "Stop and keep";
  $("continue").hidden = active || !resumable;
  $("remove").hidden = active;
  for (const kind of ["png", "jpg", "tif"]) {
    $(kind).hidden = active || !kinds.includes(`.${kind}`);
    $(kind).href = `api/pictures/${number}/picture.${kind}?download`;
    $(kind).download = "";
    $(kind).textContent = { png: "Save PNG", jpg: "Save JPEG", tif: "Save 16-bit TIFF" }[kind];
  }
  $("messages").replaceChildren(...messages.map(({ level, text }) => make("li", { class: level, text: level === "info" ? text : `${level}: ${text}` })));
  $("command").textContent = command;
  $("progress").hidden = !active && curve.length < 2;
  drawProgress(now, curve);
}

function drawProgress(now, curve) {
  if (now?.iteration !== undefined) {
    const [width, height] = now.size;
    $("bar").hidden = false;
    $("bar").value = now.share;
    const terms = Object.entries(now.losses).filter(([name]) => name !== "total");
    const losses = terms.map(([name, loss]) => `${name} ${loss.toPrecision(3)}`).join(", ");
    $("left").textContent = `${Math.floor(100 * now.share)} %${now.seconds_left === null ? "" : `, about ${clock(now.seconds_left)} left`}`;
    $("losses").textContent = `Scale ${now.scale} of ${now.scales} (${width}×${height}), iteration ${now.iteration} of ${now.iterations}; losses: ${losses}`;
  } else {
    $("bar").hidden = true;
    $("left").textContent = now ? "Getting ready …" : "";
    $("losses").textContent = "";
  }
  drawCurve($("curve"), now?.curve ?? curve);
}

const clock = seconds => seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;

function drawHistory() {
  const items = [...pictures].reverse().map(picture => {
    const source = running?.number === picture.number && running.iteration !== undefined
      ? `api/pictures/${picture.number}/current?${running.version}`
      : ["done", "stopped"].includes(picture.status) ? `api/pictures/${picture.number}/picture.jpg?${picture.version}` : null;
    const thumb = source ? make("img", { class: "thumb", src: source, alt: "", loading: "lazy" }) : make("span", { class: "thumb" });
    const parts = [thumb, make("span", { text: picture.title }), make("span", { class: `status ${picture.status}`, text: WORDS[picture.status] })];
    return make("li", {}, make("button", { type: "button", "aria-current": String(picture.number === shown), onclick: () => { showPicture(picture.number); $("result").scrollIntoView({ behavior: "smooth", block: "start" }); } }, ...parts));
  });
  $("history").hidden = !items.length;
  $("pictures").replaceChildren(...items);
}

// Take over the news of an event.
function hear(news) {
  const before = running;
  running = news.running;
  if (news.pictures) {
    pictures = news.pictures;
    drawHistory();
    if (shown !== null && pictures.some(picture => picture.number === shown)) showPicture(shown);
    else if (before === null && running && shown === null && !preview) showPicture(running.number);  // after a reload
  }
  if (running && details?.number === running.number) {
    details.status = running.status;
    details.messages = running.messages;
    drawDetails();
  }
}

async function act(promise) {
  try {
    return await promise;
  } catch (error) {
    sayError(error);
    return null;
  }
}

$("paint").addEventListener("click", async () => {
  $("paint").disabled = true;
  const made = await act(post("api/pictures", request()));
  $("paint").disabled = !inputs.complete;
  if (!made) return;
  say("");
  showPicture(made.number);
  if (matchMedia("(max-width: 800px)").matches) $("result").scrollIntoView({ behavior: "smooth" });
});
$("stop").addEventListener("click", () => { $("stop").disabled = true; act(post(`api/pictures/${shown}/stop`)); });
$("continue").addEventListener("click", () => act(post(`api/pictures/${shown}/continue`)));
$("remove").addEventListener("click", async () => {
  if (!confirm(`Delete “${details.title}”? The photograph and the paintings stay.`)) return;
  if (await act(ask(`api/pictures/${shown}`, { method: "DELETE" }))) {
    if (preview) { showPicture(null); return; }
    shown = details = null;
    for (const id of ["progress", "tools", "about"]) $(id).hidden = true;
    $("canvas").classList.add("empty");
    $("caption").textContent = "The picture is deleted.";
  }
});
$("again").addEventListener("click", async () => {
  if (!details) return;
  inputs.offers = await act(json("api/uploads")) ?? inputs.offers;
  const complete = choose(details.asked);
  say(complete ? "The settings of this picture are chosen. Change some, and paint." : "Some of its pictures are no longer there.", !complete);
});

// Make the choices of a request; returns whether all its pictures are still there.
function choose(asked) {
  const known = number => inputs.offers.find(offer => offer.number === number);
  dials.use(asked);
  inputs.content = known(asked.content) ?? null;
  inputs.styles = asked.styles.filter(style => known(style.picture))
    .map(({ picture, weight, mask }) => ({ upload: known(picture), weight: weight ?? 1, mask: mask ?? null }));
  inputs.draw();
  $("paint").disabled = !inputs.complete;
  return inputs.content && inputs.styles.length === asked.styles.length;
}

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("command").textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren($("command"));
    say("Selected: copy it with Ctrl-C.");
  }
});
$("slider").addEventListener("input", () => compare($("slider").value));

// Show the photograph at the right of a position, in percent of the width.
function compare(place) {
  $("slider").value = place;
  $("frame").style.setProperty("--cut", `${place}%`);
  $("frame").classList.toggle("compared", Number(place) < 100);
}
window.addEventListener("resize", () => { if (details) drawProgress(running?.number === details.number ? running : null, details.curve); });
let lost = false;
listen(hear, now => {
  if (now !== lost) say(now ? "The connection to the studio is lost; trying again …" : "", now);
  lost = now;
});
$("folder").textContent = `Pictures are kept in ${form.folder}`;
const before = recall("request");
if (before) {
  try { choose(before); } catch { localStorage.removeItem("request"); }  // of another version of the page
  if (!running) requestPreview();
}
document.body.dataset.ready = "true";
