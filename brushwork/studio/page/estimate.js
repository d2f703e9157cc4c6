// What would be painted: its size and the expected time, beside the Paint button.

import { post } from "./api.js";
import { $ } from "./dom.js";
import { framesOf } from "./words.js";

const PAUSE = 200;  // ms after the last change
const LONG = 3600, MANY = 500;  // seconds, and frames, of a film before which a question is asked
let timer = null, asking = null, latest = null;

// Ask for the size and time of a request after a pause; null: nothing is chosen. refused(parts): called with the mistakes in
// it, [] if there are none.
export function estimate(request, refused) {
  clearTimeout(timer);
  asking?.abort();
  if (request === null) {
    latest = null;
    draw();
    refused([]);
    return;
  }
  timer = setTimeout(() => askFor(request, refused), PAUSE);
}

async function askFor(request, refused) {
  asking = new AbortController();
  try {
    latest = await post("api/estimate", request, { signal: asking.signal });
    draw();
    refused([]);
  } catch (error) {
    if (error.name === "AbortError" || error.status === 409) return;
    latest = null;
    draw();
    refused(error.status === 422 ? error.parts : []);
  }
}

// The settings that enlarge the photograph, or null if this is not offered or not wished.
export const enlarging = () => $("enlarge").checked && latest?.enlarged ? latest.enlarged.settings : null;

// A question about a film that takes long, or null. It is asked before the film is painted.
export function longFilm() {
  if (!latest?.frames) return null;
  const isLarger = Boolean(enlarging()), seconds = isLarger ? latest.enlarged_seconds : latest.seconds;
  if (seconds === null ? latest.frames < MANY : seconds < LONG) return null;
  const time = isLarger ? latest.enlarged_time : latest.time;
  return `This film has ${latest.frames} frames, ${time ? `and takes about ${time}` : "and its time is not known yet"}. Its finished frames take about ${sizeOf(latest.disk)} of disk until it is complete. Paint it?`;
}

const sizeOf = bytes => bytes < 1e9 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toPrecision(2)} GB`;

function draw() {
  const offered = latest?.enlarged ?? null;
  $("enlarging").hidden = !offered;
  if (offered) {
    const time = latest.enlarged_time ? `, ${latest.enlarged_time}` : "";
    $("enlarged").textContent = `Enlarge to ${offered.width} × ${offered.height}${time}. The photograph has ${latest.content.width} × ${latest.content.height}.`;
  }
  $("estimate").textContent = latest ? sentence(latest, Boolean(enlarging())) : "";
  $("estimate").classList.toggle("wrong", Boolean(latest?.refusal));
}

function sentence({ refusal, enlarged, measuring, waiting, waiting_time: wait, ...plain }, isLarger) {
  if (refusal) return refusal;
  const { width, height } = isLarger ? enlarged : plain, { frames } = plain, time = isLarger ? plain.enlarged_time : plain.time;
  const pace = time ? `about ${time}` : measuring ? "measuring the time …" : "";
  const queue = waiting ? `after ${waiting === 1 ? "the one before" : `${waiting} others`}${wait ? `, in ${wait}` : ""}` : "";
  return [`${width} × ${height}`, frames ? framesOf({ frames }) : "", pace, queue].filter(Boolean).join(" · ");
}

$("enlarge").addEventListener("change", draw);
