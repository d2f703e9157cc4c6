// What the page says about pictures.

export const ACTIVE = ["waiting", "starting", "painting", "stopping"];
export const STATES = { waiting: "waiting", starting: "getting ready", painting: "painting", stopping: "stopping, and saving", stopped: "stopped", done: "done",
  failed: "failed", removed: "taken out of the queue", rescued: "saved elsewhere" };

export const nameOf = picture => `No. ${picture.ordinal}`;

// When a picture was requested: the time, and the day unless it is today.
export function momentOf({ time }) {
  if (time === null) return "";
  const moment = new Date(1000 * time), isToday = moment.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { day: "numeric", month: "short" };
  return moment.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
}

// The settings, size and time of a picture.
export function factsOf(picture) {
  const { words, width, height, took, frames } = picture;
  return [words.join(", "), width ? `${width} × ${height}` : "", frames ? framesOf(picture) : "", momentOf(picture), took ? `painted in ${took}` : ""].filter(Boolean).join(" · ");
}

// How many frames a clip or a film has, and how long a clip is.
export function framesOf({ frames, seconds }, hasLength = false) {
  const length = hasLength ? `, ${seconds < 10 ? Math.round(10 * seconds) / 10 : Math.round(seconds)} s` : "";
  return `${frames} ${frames === 1 ? "frame" : "frames"}${length}`;
}
