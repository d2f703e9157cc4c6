// What would be painted: its size and the expected time, beside the Paint button.

import { post } from "./api.js";
import { $ } from "./dom.js";

const PAUSE = 200;  // ms after the last change
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
  const { width, height } = isLarger ? enlarged : plain, time = isLarger ? plain.enlarged_time : plain.time;
  const pace = time ? `about ${time}` : measuring ? "measuring the time …" : "";
  const queue = waiting ? `after ${waiting === 1 ? "the one before" : `${waiting} others`}${wait ? `, in ${wait}` : ""}` : "";
  return [`${width} × ${height}`, pace, queue].filter(Boolean).join(" · ");
}

$("enlarge").addEventListener("change", draw);
