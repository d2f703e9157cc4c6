// The page: what is chosen at the left becomes a request; what the server tells is shown at the right and below.

import { ask, json, listen, post } from "./api.js";
import { drawCurve } from "./curve.js";
import { Dials } from "./dials.js";
import { $, keep, make, recall } from "./dom.js";
import { Inputs, view } from "./inputs.js";
import { drawMask } from "./mask.js";

const WORDS = { waiting: "waiting", starting: "starting", painting: "painting", stopping: "stopping, and saving", stopped: "stopped", done: "done", failed: "not painted" };
const ACTIVE = ["waiting", "starting", "painting", "stopping"];
let pictures = [], running = null;
let shown = null;      // the number of the picture that is shown, or null for the instant picture
let details = null;    // of that picture
let instant = null;    // {address, content} of the instant picture
let asking = null, loading = null;

function say(sentence, wrong = false) {
  $("line").textContent = sentence;
  $("line").classList.toggle("wrong", wrong);
}

const tell = error => { if (error.name !== "AbortError") say(error.message, true); };

const form = await json("api/form");
const dials = new Dials(form, instantToo => { remember(); if (instantToo) showInstant(); });
const inputs = new Inputs({ say, changed: () => { $("paint").disabled = !inputs.complete; remember(); showInstant(); }, drawMask: style =>
  drawMask(inputs.content, style, others(style), (mask, error) => {
    style.mask = mask;
    if (error) say(error, true);
    inputs.draw();
    remember();
    showInstant();
  }) });
inputs.offers = await json("api/uploads");
inputs.draw();

// The names of the paintings that apply where one that is drawn does not.
function others(style) {
  return inputs.styles.filter(other => other !== style && !other.mask).map(other => other.upload.name);
}

function remember() {
  keep("request", request());
}

const request = () => ({ ...inputs.asked(), ...dials.asked() });

// The instant picture of what is chosen; a newer request drops an older one.
async function showInstant() {
  asking?.abort();
  if (!inputs.complete) return;
  asking = new AbortController();
  const { signal } = asking, asked = request(), then = shown;
  if (!running) say("A first impression …");
  if ($("canvas").classList.contains("empty")) $("caption").textContent = "A first impression is being made …";
  try {
    const body = JSON.stringify(asked);
    const response = await ask("api/instant", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
    const address = URL.createObjectURL(await response.blob());
    if (instant) URL.revokeObjectURL(instant.address);
    instant = { address, content: asked.content };
    say("");
    if (shown === then && (!running || shown === null)) showPicture(null);  // not over what was asked for since
  } catch (error) {
    if (error.status !== 409) tell(error);
    else if (!signal.aborted) say("");  // another tab asked for one
  }
}

// Show the picture of a number; null: the instant picture.
async function showPicture(number) {
  if (number !== shown) compare(100);
  shown = number;
  details = null;
  drawHistory();
  if (number === null) {
    setImage(instant.address, instant.content);
    $("caption").textContent = `A first impression of the colours. Paint makes the real picture.${pictures.length ? " Finished ones are kept under Pictures." : ""}`;
    for (const id of ["progress", "about", "stop", "continue", "png", "tif", "again", "remove"]) $(id).hidden = true;
    for (const id of ["tools", "jpg"]) $(id).hidden = false;
    $("jpg").href = instant.address;
    $("jpg").download = "first-impression.jpg";
    $("jpg").textContent = "Save this first impression";
    return;
  }
  try {
    const found = await json(`api/pictures/${number}`);
    if (shown !== number) return;
    details = found;
    drawDetails();
  } catch (error) { tell(error); }
}

// Put an image on the easel once it is loaded; while one is loading, only the newest of the others is kept.
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
  const { number, title, status, version, asked, said, command, curve, kinds, resumable } = details;
  const active = ACTIVE.includes(status), now = running?.number === number ? running : null;
  if (now?.iteration !== undefined) setImage(`api/pictures/${number}/preview?${now.version}`, asked.content);
  else if (kinds.includes(".png")) setImage(`api/pictures/${number}/picture.png?${version}`, asked.content);
  else setImage(...(instant?.content === asked.content ? [instant.address] : [view(asked.content)]), asked.content);  // until there is one
  $("picture").alt = title;
  const wrong = said.filter(sentence => sentence.startsWith("error: ")).at(-1)?.slice(7);
  const state = { failed: wrong ?? said.at(-1) ?? WORDS.failed, waiting: "it waits until the picture before it is done" }[status] ?? WORDS[status];
  $("caption").textContent = `${title}: ${state}`;
  for (const id of ["tools", "about", "again"]) $(id).hidden = false;
  $("stop").hidden = !active;
  $("stop").disabled = status === "stopping";
  $("stop").textContent = status === "waiting" ? "Take out of the queue" : status === "stopping" ? "Saving …" : "Stop and keep";
  $("continue").hidden = active || !resumable;
  $("remove").hidden = active;
  for (const kind of ["png", "jpg", "tif"]) {
    $(kind).hidden = active || !kinds.includes(`.${kind}`);
    $(kind).href = `api/pictures/${number}/picture.${kind}?download`;
    $(kind).download = "";
    $(kind).textContent = { png: "Save PNG", jpg: "Save JPEG", tif: "Save 16-bit TIFF" }[kind];
  }
  $("said").replaceChildren(...said.filter(Boolean).map(sentence => make("li", { text: sentence })));
  $("command").textContent = command;
  $("progress").hidden = !active && curve.length < 2;
  drawProgress(now, curve);
}

function drawProgress(now, curve) {
  if (now?.iteration !== undefined) {
    const [width, height] = now.size;
    $("bar").hidden = false;
    $("bar").value = now.share;
    const losses = ["content", "style", "tv"].map(name => `${name} ${now.losses[name].toPrecision(3)}`).join(", ");
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
      ? `api/pictures/${picture.number}/preview?${running.version}`
      : ["done", "stopped"].includes(picture.status) ? `api/pictures/${picture.number}/picture.jpg?${picture.version}` : null;
    const thumb = source ? make("img", { class: "thumb", src: source, alt: "", loading: "lazy" }) : make("span", { class: "thumb" });
    const parts = [thumb, make("span", { text: picture.title }), make("span", { class: `status ${picture.status}`, text: WORDS[picture.status] })];
    return make("li", {}, make("button", { type: "button", "aria-current": String(picture.number === shown), onclick: () => { showPicture(picture.number); $("easel").scrollIntoView({ behavior: "smooth", block: "start" }); } }, ...parts));
  });
  $("history").hidden = !items.length;
  $("pictures").replaceChildren(...items);
}

function hear(news) {
  const before = running;
  running = news.running;
  if (news.pictures) {
    pictures = news.pictures;
    drawHistory();
    if (shown !== null && pictures.some(picture => picture.number === shown)) showPicture(shown);
    else if (before === null && running && shown === null && !instant) showPicture(running.number);  // after a reload
  }
  if (running && details?.number === running.number) {
    details.status = running.status;
    drawDetails();
  }
}

async function act(promise) {
  try {
    return await promise;
  } catch (error) {
    tell(error);
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
  if (matchMedia("(max-width: 800px)").matches) $("easel").scrollIntoView({ behavior: "smooth" });
});
$("stop").addEventListener("click", () => { $("stop").disabled = true; act(post(`api/pictures/${shown}/stop`)); });
$("continue").addEventListener("click", () => act(post(`api/pictures/${shown}/continue`)));
$("remove").addEventListener("click", async () => {
  if (!confirm(`Delete “${details.title}”? The photograph and the paintings stay.`)) return;
  if (await act(ask(`api/pictures/${shown}`, { method: "DELETE" }))) {
    if (instant) { showPicture(null); return; }
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
  say(complete ? "The settings of this picture are set. Change some, and paint." : "Some of its pictures are no longer there.", !complete);
});

// Choose what a request says; returns whether all its pictures are there.
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

// Show the photograph at the right of a place, in percent of the width.
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
$("folder").textContent = `They are kept in ${form.folder}`;
const before = recall("request");
if (before) {
  try { choose(before); } catch { localStorage.removeItem("request"); }  // of another version of the page
  if (!running) showInstant();
}
document.body.dataset.ready = "true";
