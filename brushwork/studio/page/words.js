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
  const { words, width, height, took } = picture;
  return [words.join(", "), width ? `${width} × ${height}` : "", momentOf(picture), took ? `painted in ${took}` : ""].filter(Boolean).join(" · ");
}
