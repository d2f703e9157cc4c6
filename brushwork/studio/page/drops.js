// Files that are dropped anywhere on the page or pasted: the left half takes photographs, the right half paintings.

import { $ } from "./dom.js";
import { complain, say } from "./notices.js";

const MOST_FILES = 40;  // of a folder
const CLIPS = /\.(mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv|flv|3gp|m?ts|m2ts|ogv)$/i;
const PICTURES = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|heic|heif|avif|jp2|jxl|tga|ppm|pgm|pbm|pnm|pam|pfm|hdr|exr|psd|dng|ico)$/i;

// take(files, role): called with files and "content" or "styles". isEmpty(): whether there is no photograph yet.
export function acceptDrops(take, isEmpty) {
  const zones = $("drops"), hasFiles = event => [...event.dataTransfer?.types ?? []].includes("Files");
  let depth = 0;
  const hide = () => { depth = 0; zones.hidden = true; };
  const roleAt = event => event.clientX < innerWidth / 2 ? "content" : "styles";
  const highlight = event => { for (const zone of zones.children) zone.classList.toggle("over", zone.dataset.role === roleAt(event)); };
  const isOurs = event => hasFiles(event) && !document.querySelector("dialog[open]");
  window.addEventListener("dragenter", event => { if (isOurs(event)) { depth += 1; zones.hidden = false; highlight(event); } });
  window.addEventListener("dragover", event => { event.preventDefault(); if (isOurs(event)) highlight(event); });
  window.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) hide(); });
  window.addEventListener("drop", async event => {
    event.preventDefault();
    hide();
    if (!isOurs(event)) return;
    const role = roleAt(event), files = await filesOf(event.dataTransfer, role);
    if (files.length) take(files, role);
  });
  window.addEventListener("paste", event => {
    const files = [...event.clipboardData?.files ?? []];
    if (files.length && !document.querySelector("dialog[open]")) take(files, isEmpty() ? "content" : "styles");
  });
}

// The files of a drop; of a folder, the pictures in it and in its folders, and clips if they can have the role.
async function filesOf(transfer, role) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.());  // now: they are gone after the event
  if (!entries.some(entry => entry?.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries.filter(Boolean)) {
    if (!entry.isDirectory) { found.push(await fileOf(entry)); continue; }
    say(`Reading the folder ${entry.name} …`);
    try {
      const files = [];
      await readFolder(entry, files, name => PICTURES.test(name) || role === "content" && CLIPS.test(name));
      say("");
      if (!files.length) complain(`There are no pictures in the folder ${entry.name}`);
      if (files.length > MOST_FILES) complain(`The first ${MOST_FILES} pictures of the folder ${entry.name} are taken`);
      found.push(...files.slice(0, MOST_FILES));
    } catch {
      say("");
      complain(`The folder ${entry.name} cannot be read; drop its pictures instead`);
    }
  }
  return found;
}

const fileOf = entry => new Promise((resolve, reject) => entry.file(resolve, reject));

async function readFolder(folder, files, isTaken) {
  const reader = folder.createReader(), entries = [];
  for (let some = null; some === null || some.length;) {
    some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    entries.push(...some);
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  for (const entry of entries) {
    if (files.length > MOST_FILES) return;
    if (entry.isDirectory) await readFolder(entry, files, isTaken);
    else if (isTaken(entry.name)) files.push(await fileOf(entry));
  }
}
