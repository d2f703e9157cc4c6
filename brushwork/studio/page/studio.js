// The page: sends what is chosen as requests, and shows the pictures while they are painted and afterwards.

import { buildVariations } from "./again.js";
import { ask, json, listen, post, view } from "./api.js";
import { Dials } from "./dials.js";
import { $, confirmed, keep, make, recall } from "./dom.js";
import { acceptDrops } from "./drops.js";
import { enlarging, estimate, longFilm } from "./estimate.js";
import { drawFilm, showInFilm } from "./film.js";
import { Inputs } from "./inputs.js";
import { drawMask } from "./mask.js";
import { attempt, complain, complainOf, say } from "./notices.js";
import { drawPicture, offerSaves, showLabel, showTools } from "./picture.js";
import { compare, setImage, setTags } from "./stage.js";
import { ACTIVE, nameOf } from "./words.js";

const TITLE = document.title, MIDDLE = 50, WHOLE = 100, BESIDE_THE_FACE = 62;  // of the example
let pictures = [], running = null, revisions = {};
let shown = null;       // the number of the picture that is shown, or null for what is chosen
let details = null;     // about that picture
let against = null;     // the number of the picture that it is compared with, or null for the photograph
let impression = null;  // {address, content}: the first impression of what is chosen
let asking = null, isPosting = false;

const form = await json("api/form").catch(error => { complainOf(error); throw error; });
const dials = new Dials(form, dialChanged);
const inputs = new Inputs(form, { changed: inputsChanged, replaced: () => dials.more.forgetFrames(), drawMask: style => drawMask(inputs.content, style, others(style), mask => {
  style.mask = mask;
  inputs.draw();
  inputsChanged();
}) });
await inputs.load();
const example = await findExample().catch(() => null);

const request = () => ({ ...inputs.asked(), ...dials.asked() });

// The names of the paintings that apply outside the mask of `style`.
function others(style) {
  return inputs.styles.filter(other => other !== style && !other.mask).map(other => other.upload.name);
}

function dialChanged(name, value, isSeen) {
  choicesChanged();
  if (isSeen) requestImpression();
  if (shown !== null) say(`${name}: ${value}. Paint makes a new picture with it.`);
  else if (!isSeen && inputs.complete) say(`${name}: ${value}. The first impression does not follow this; the painting will.`);
}

function inputsChanged() {
  choicesChanged();
  showChoice();
  requestImpression();
}

function choicesChanged() {
  keep("request", request());
  estimate(inputs.complete ? request() : null, markMistakes);
}

// Mark the fields and the paintings that mistakes belong to. Returns the first field.
function markMistakes(parts) {
  inputs.mark(parts);
  return dials.mark(parts);
}

// Request the first impression of what is chosen; a newer request cancels an older one.
async function requestImpression() {
  asking?.abort();
  if (!inputs.complete) { forgetImpression(); return; }
  asking = new AbortController();
  const { signal } = asking, asked = request();
  say("Making a first impression …");
  try {
    const body = JSON.stringify(asked);
    const response = await ask("api/preview", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
    const address = URL.createObjectURL(await response.blob());
    forgetImpression();
    impression = { address, content: asked.content };
    say("");
    if (shown === null) showChoice();
    else drawAll();
  } catch (error) {
    if (signal.aborted) return;
    say("");
    if (error.status === 422) markMistakes(error.parts);
    else if (error.status !== 409) complainOf(error);  // 409: another tab requested one
  }
}

function forgetImpression() {
  const { address } = impression ?? {};
  if (address) setTimeout(() => URL.revokeObjectURL(address), 10000);  // images may still load it
  impression = null;
}

// Show what is chosen: its first impression, the photograph, or the painting; if nothing is, an example.
function showChoice() {
  compare(WHOLE);
  shown = details = null;
  const { content, styles } = inputs, names = styles.map(style => style.upload.name).join(" + ");
  $("progress").hidden = $("about").hidden = true;
  showTools();
  setTags("first impression", content?.frames ? "the clip" : "the photograph");
  if (impression && impression.content === content?.number) {
    setImage(impression.address, view(content.number), `A first impression of ${content.name} in the style of ${names}`);
    showLabel(`${content.name} in the style of ${names}`, content.frames ? "A first impression of one frame. Paint makes the film." : "A first impression. Paint makes the real picture.");
    showTools("save");
    offerSaves({ jpg: impression.address }, { jpg: "The first impression, JPEG" }, "preview.jpg");
  } else if (content || styles.length) {
    const { number, name } = content ?? styles[0].upload;
    setImage(view(number), null, name);
    const what = content?.frames ? "The first frame of the clip." : "The photograph.";
    showLabel(name, content ? styles.length ? `${what} Its first impression follows.` : "Now choose a painting." : "Now choose a photograph.");
  } else {
    showExample();
  }
  drawAll();
}

function showExample() {
  if (!example) { $("frame").hidden = true; showLabel("Choose a photograph and a painting", "The picture appears here."); return; }
  setImage(example.picture, view(example.asked.content), example.title);
  setTags("painted", "the photograph");
  compare(BESIDE_THE_FACE);
  showLabel(example.title, `An example: ${example.words.join(", ")}. Choose a photograph and a painting of your own.`);
  showTools("try");
}

// The painted example, with a request of its choices, or null if one of its pictures is not there.
async function findExample() {
  const found = await json("page/example.json"), numberOf = name => inputs.offers.find(offer => offer.is_example && offer.name === name)?.number;
  const content = numberOf(found.content), styles = found.styles.map(name => ({ picture: numberOf(name) }));
  return content && styles.every(style => style.picture) ? { ...found, asked: { content, styles, preset: found.preset } } : null;
}

// Show the picture with a number.
async function showPicture(number) {
  const isOther = number !== shown;
  if (isOther) {
    const isDone = pictures.some(picture => picture.number === number && picture.status === "done");
    compare(isDone ? MIDDLE : WHOLE);
    if (against === number) against = null;
  }
  shown = number;
  const found = await attempt(json(`api/pictures/${number}`));
  if (!found || shown !== number) return;
  details = found;
  drawAll();
  if (isOther) showInFilm(number);
}

// Draw the filmstrip and the shown picture.
function drawAll() {
  drawFilm({ pictures, running, impression: impression?.address, shown, known: number => Boolean(inputs.known(number)),
    press: number => number === null ? showChoice() : showPicture(number) });
  drawAgainst();
  if (!details) return;
  const now = running?.number === details.number ? running : null;
  const placeholder = impression?.content === details.asked.content ? impression.address : null;
  drawPicture(details, { running: now, placeholder, other: pictures.find(picture => picture.number === against) ?? null });
}

// The pictures that the shown one can be compared with.
function drawAgainst() {
  const others = pictures.filter(picture => picture.number !== shown && picture.image && !picture.frames && !ACTIVE.includes(picture.status)).reverse();
  $("comparing").hidden = !details || Boolean(details.frames) || !others.length;
  const wanted = [["", "the photograph"], ...others.map(picture => [picture.number, `${nameOf(picture)} · ${[...picture.style_names, ...picture.words].join(", ")}`])];
  if (JSON.stringify(wanted) !== $("against").dataset.made) {
    $("against").dataset.made = JSON.stringify(wanted);
    $("against").replaceChildren(...wanted.map(([value, text]) => make("option", { value, text })));
  }
  if (!others.some(picture => picture.number === against)) against = null;
  $("against").value = against ?? "";
}

// Take over the news of an event.
function hear(news) {
  if (news.ended) {
    complain("The studio has ended. A picture that was being painted is saved; start the studio again to go on");
    return;
  }
  const before = running;
  running = news.running;
  if (news.pictures) takePictures(news.pictures, before);
  if (revisions.uploads !== undefined && news.uploads !== revisions.uploads) inputs.load();
  if (revisions.estimates !== undefined && news.estimates !== revisions.estimates && inputs.complete) estimate(request(), markMistakes);
  revisions = { uploads: news.uploads, estimates: news.estimates };
  if (running && details?.number === running.number) Object.assign(details, { status: running.status, messages: running.messages });
  if (running && !news.pictures) drawAll();
  showTitle(before);
}

// Take over the list of pictures, and say which of them are done.
function takePictures(list, before) {
  const isFirst = !pictures.length, ended = list.filter(({ number, status }) =>
    !ACTIVE.includes(status) && pictures.some(old => old.number === number && ACTIVE.includes(old.status)));
  pictures = list;
  for (const picture of ended) {
    const ending = { done: `is done${picture.took ? `, in ${picture.took}` : ""}`, stopped: "is stopped and kept", removed: "is taken out of the queue", rescued: "is saved elsewhere" };
    say(`${nameOf(picture)}, ${picture.title}, ${ending[picture.status] ?? "failed"}.`);
    if (picture.status === "done" && picture.number === shown) compare(MIDDLE);
  }
  if (ended.length && inputs.complete) estimate(request(), markMistakes);  // the queue is shorter
  if (shown !== null && list.some(picture => picture.number === shown)) showPicture(shown);
  else if (isFirst && before === null && running && shown === null) showPicture(running.number);  // after a reload
  else if (isFirst && shown === null && !inputs.content && !inputs.styles.length) showNewest();
  else if (shown !== null) showChoice();  // it was deleted in another tab
  else drawAll();
}

function showNewest() {
  const newest = pictures.findLast(picture => picture.status === "done");
  if (newest) showPicture(newest.number);
}

// The title of the tab: how far the picture is, and that it is done until the tab is looked at.
function showTitle(before) {
  const isMoving = running?.iteration !== undefined;
  const done = before && running?.number !== before.number && pictures.find(picture => picture.number === before.number);
  if (isMoving) document.title = `${Math.floor(100 * running.share)} % · ${TITLE}`;
  else if (done && document.hidden) document.title = `${done.status === "done" ? "Done" : "Ended"}: ${done.title}`;
  else if (before && !running) document.title = TITLE;
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && !running) document.title = TITLE; });

$("paint").addEventListener("click", async () => {
  if (isPosting) return;
  if (!inputs.complete) {
    const role = inputs.content ? "styles" : "content";
    say(role === "content" ? "Choose a photograph first." : "Choose a painting first.");
    $(role).scrollIntoView({ block: "nearest" });
    ($(role).querySelector("button.pick[tabindex='0']") ?? $(`choose-${role}`)).focus();
    return;
  }
  const asked = request(), larger = enlarging(), question = longFilm();
  if (question && !await confirmed(question, "Paint", "Not now")) return;
  if (larger) {
    delete asked.settings.long_side;
    Object.assign(asked.settings, larger);
  }
  isPosting = true;
  try {
    const { number } = await post("api/pictures", asked);
    say("Painting begins.");
    markMistakes([]);
    shown = details = null;
    compare(WHOLE);
    await showPicture(number);
    if (matchMedia("(max-width: 899px)").matches) $("stage").scrollIntoView({ behavior: "smooth" });
  } catch (error) {
    refuse(error);
  } finally {
    isPosting = false;
  }
});

// Show why a request was refused: beside its field, which gets the focus, or in the list of mistakes.
function refuse(error) {
  const isMarked = part => part.fields?.length || part.styles?.length, first = markMistakes(error.parts ?? []);
  if (!error.parts?.every(isMarked)) complainOf(Object.assign(error, { parts: error.parts?.filter(part => !isMarked(part)) }));
  else say("Not painted: see the marked field.");
  if (first) {
    if ($("more").contains(first)) $("more").open = true;
    first.focus();
  }
}

$("stop").addEventListener("click", () => { if ($("stop").getAttribute("aria-disabled") !== "true") attempt(post(`api/pictures/${shown}/stop`)); });
$("continue").addEventListener("click", () => { compare(WHOLE); attempt(post(`api/pictures/${shown}/continue`)); });
$("try").addEventListener("click", () => { choose(example.asked); inputsChanged(); $("paint").focus(); });
$("remove").addEventListener("click", async () => {
  const { number, title } = details;
  if (!await confirmed(`Delete ${nameOf(details)}, “${title}”? The photograph and the paintings stay.`)) return;
  const place = pictures.findIndex(picture => picture.number === number), next = pictures[place - 1] ?? pictures[place + 1];
  if (!await attempt(ask(`api/pictures/${number}`, { method: "DELETE" }))) return;
  pictures = pictures.filter(picture => picture.number !== number);
  say(`${nameOf({ ordinal: Number(number) })} is deleted.`);
  if (next) await showPicture(next.number);
  else showChoice();
  ($("film").querySelector("button[aria-current='true']") ?? $("paint")).focus();
});
$("against").addEventListener("change", () => {
  against = $("against").value || null;
  compare(MIDDLE);
  drawAll();
});

buildVariations(async ({ dial, steps, empties, line }) => {
  const { asked, ordinal, missing } = details;
  await inputs.load();
  choose(asked);
  if (missing?.length) complain(`${missing.join(", ")} ${missing.length > 1 ? "are" : "is"} deleted: choose another`);
  if (empties === "styles") inputs.styles = [];
  if (empties === "content") inputs.content = null;
  const value = dial ? ` ${dials.step(dial, steps)}` : "";
  inputs.draw();
  choicesChanged();
  requestImpression();
  say(`As ${nameOf({ ordinal })}, ${line}${value}.${empties ? "" : " Paint makes it."}`);
  const shelf = empties && $(empties);
  (shelf?.querySelector("button.pick[tabindex='0']") ?? $("paint")).focus();
  shelf?.scrollIntoView({ block: "nearest" });
});

// Make the choices of a request; returns whether all its pictures are still there.
function choose(asked) {
  dials.use({ settings: {}, ...asked });
  return inputs.choose(asked);
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
window.addEventListener("resize", () => { if (details) drawAll(); });
new ResizeObserver(([{ borderBoxSize: [size] }]) => document.documentElement.style.setProperty("--actions", `${size.blockSize}px`)).observe($("actions"));
acceptDrops((files, role) => inputs.take(files, role), () => !inputs.content);

let lost = false;
listen(hear, now => {
  if (now !== lost) say(now ? "The connection to the studio is lost; trying again …" : "The studio is back.");
  lost = now;
});
$("folder").textContent = `Pictures are kept in ${form.folder}`;
const before = recall("request");
if (before) {
  try { choose(before); } catch { localStorage.removeItem("request"); }  // of another version of the page
}
if (shown === null) showChoice();
choicesChanged();
requestImpression();
document.body.dataset.ready = "true";
