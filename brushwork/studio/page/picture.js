// A painted picture on the canvas: its label, its progress and what can be done with it.

import { view } from "./api.js";
import { drawCurve } from "./curve.js";
import { $, make, setText } from "./dom.js";
import { setFilm, setImage, setTags } from "./stage.js";
import { ACTIVE, factsOf, nameOf, STATES } from "./words.js";

const TOOLS = ["stop", "continue", "try", "save", "again", "remove"];
const SAVES = { mp4: "Film, MP4", png: "PNG", jpg: "JPEG", tif: "TIFF, 16 bits" };

// Show these tools and no others. The focus moves to the first one if it was on one that goes.
export function showTools(...names) {
  const focused = document.activeElement;
  for (const name of TOOLS) $(name).hidden = !names.includes(name);
  if (TOOLS.includes(focused.id) && focused.hidden) ($(names[0]) ?? $("paint")).focus();
}

// Show the label under the canvas.
export function showLabel(title, words, caption = "") {
  setText($("title"), title);
  setText($("words"), words);
  setText($("caption"), caption);
}

// Offer files to save: {kind: address}, with a name for each, or none for the server's.
export function offerSaves(addresses, names = SAVES, download = "") {
  for (const kind of Object.keys(SAVES)) {
    $(kind).hidden = !addresses[kind];
    if (!addresses[kind]) continue;
    $(kind).href = addresses[kind];
    $(kind).download = download;
    $(kind).textContent = names[kind];
  }
}

// Show a picture. details: about it, from the server. running: of an event, if it is this one. placeholder: the address of the
// first impression of the same choices, or null. other: the picture that it is compared with, or null for the photograph.
export function drawPicture(details, { running, placeholder, other }) {
  const { number, title, status, asked, kinds, last, image, resumable, frames } = details, active = ACTIVE.includes(status);
  const isMoving = running?.iteration !== undefined, isThere = kinds.includes(frames ? ".mp4" : ".png");
  const before = !frames && (isMoving || isThere || last) ? other?.image ?? view(asked.content) : null;
  if (frames && isThere && !active) setFilm(`api/pictures/${number}/picture.mp4?${details.version}`, image, title, [details.width, details.height]);
  else if (isMoving) setImage(`api/pictures/${number}/current?${running.version}`, before, title);
  else if (isThere) setImage(`api/pictures/${number}/picture.png?${details.version}`, before, title);
  else if (last || frames && image) setImage(image, before, frames ? `A frame of ${title}` : `The last preview of ${title}`);
  else setImage(placeholder ?? view(asked.content), null, title);
  setTags(nameOf(details), other ? nameOf(other) : "the photograph");
  showLabel(title, factsOf(details), captionOf(details));
  const saves = !active && (isThere || Boolean(last));
  showTools(...[active && "stop", !active && resumable && "continue", saves && "save", !active && "again", !active && "remove"].filter(Boolean));
  $("stop").setAttribute("aria-disabled", String(status === "stopping"));
  setText($("stop"), status === "waiting" ? "Take out of the queue" : status === "stopping" ? "Saving …" : "Stop and keep");
  if (isThere) offerSaves(Object.fromEntries(kinds.map(kind => [kind.slice(1), `api/pictures/${number}/picture${kind}?download`])));
  else if (last) offerSaves({ jpg: `api/pictures/${number}/last.jpg?download` }, { jpg: frames ? "The last frame, JPEG" : "The last preview, JPEG" });
  drawProgress(details, running);
  drawTechnical(details, running);
}

function captionOf({ status, rescued, reason, last, frames, frames_done: done }) {
  if (frames && (status === "failed" || status === "stopped")) {
    const kept = `${done} of ${frames} frames are painted`;
    return reason ? `${reason}. ${kept}` : `Stopped: ${kept}`;
  }
  if (rescued) return `${reason ?? "It could not be written to its place"}. It is saved as ${rescued}`;
  if (status === "failed") return `${reason ?? "It ended before there was a picture"}${last ? `. This is its last preview, of iteration ${last.iteration} of ${last.iterations}` : ""}`;
  if (status === "waiting") return "Waiting until the picture before it is done";
  return ["painting", "starting", "done"].includes(status) ? "" : STATES[status].charAt(0).toUpperCase() + STATES[status].slice(1);
}

function drawProgress({ status, frames }, running) {
  $("progress").hidden = !ACTIVE.includes(status);
  const isMoving = running?.iteration !== undefined;
  if (isMoving) $("bar").value = running.share;
  else $("bar").removeAttribute("value");
  const frame = isMoving && frames ? `frame ${Math.min(frames, running.frames_done + 1)} of ${frames}, ` : "";
  const text = isMoving ? `${frame}${Math.floor(100 * running.share)} %${running.left ? `, about ${running.left} left` : ""}` : status === "waiting" ? "waiting" : "getting ready …";
  $("bar").setAttribute("aria-valuetext", text);
  setText($("left"), text);
}

// The messages, losses, curve and command line.
export function drawTechnical({ messages, command, curve }, running) {
  $("about").hidden = false;
  const points = running?.curve ?? curve;
  $("curves").hidden = points.length < 2;
  if (points.length > 1) drawCurve($("curve"), points);
  setText($("losses"), running?.iteration === undefined ? "" : lossesOf(running));
  const lines = messages.map(({ level, text }) => level === "info" ? text : `${level}: ${text}`);
  if (lines.join("\n") !== [...$("messages").children].map(line => line.textContent).join("\n")) {
    $("messages").replaceChildren(...messages.map(({ level }, index) => make("li", { class: level, text: lines[index] })));
  }
  setText($("command"), command);
}

function lossesOf({ scale, scales, size: [width, height], iteration, iterations, losses, frames, frames_done: done }) {
  const terms = Object.entries(losses).filter(([name]) => name !== "total").map(([name, loss]) => `${name} ${loss.toPrecision(3)}`);
  return `${frames ? `Frame ${Math.min(frames, done + 1)} of ${frames}. ` : ""}Scale ${scale} of ${scales} (${width} × ${height}), iteration ${iteration} of ${iterations}; losses: ${terms.join(", ")}`;
}
