// A mask, drawn over the photograph with the mouse, a finger or the keyboard: white where a painting applies.

import { upload, view } from "./api.js";
import { $ } from "./dom.js";

const dialog = $("masks"), canvas = $("mask"), pen = canvas.getContext("2d", { willReadFrequently: true });
const MOST_UNDONE = 20, SIDE = 1024;  // px: the longer side of the mask, however small the photograph is
let erasing = false, last = null, target = null, done = null, cursor = null, undone = [];

// Let the user draw a mask, then call used(number of the uploaded mask, or null for none). others: names of the paintings
// that apply to the rest.
export function drawMask(content, style, others, used) {
  const share = SIDE / Math.max(content.width, content.height);
  canvas.width = Math.max(1, Math.round(content.width * share));
  canvas.height = Math.max(1, Math.round(content.height * share));
  $("under").src = view(content.number);
  $("board").style.setProperty("--ratio", content.width / content.height);
  $("maskline").textContent = "";
  $("maskname").textContent = style.upload.name;
  $("rest").textContent = others.length ? `The rest will look like ${others.join(" and ")}.` : "The rest stays like the photograph.";
  undone = [];
  fill("black");
  if (style.mask) {
    const before = new Image();
    before.onload = () => pen.drawImage(before, 0, 0, canvas.width, canvas.height);
    before.src = view(style.mask);
  }
  [target, done, cursor] = [style, used, [canvas.width / 2, canvas.height / 2]];
  setErasing(false);
  dialog.showModal();
}

function fill(color) {
  pen.fillStyle = color;
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

function setErasing(value) {
  erasing = value;
  $("eraser").setAttribute("aria-pressed", String(erasing));
}

// Keep the mask for Undo.
function remember() {
  $("maskline").textContent = "";
  undone.push(pen.getImageData(0, 0, canvas.width, canvas.height));
  undone = undone.slice(-MOST_UNDONE);
}

const brush = () => Number($("brush").value) / 100 * Math.max(canvas.width, canvas.height);

// Show a circle of the brush's size.
function showRing([x, y]) {
  const share = canvas.getBoundingClientRect().width / canvas.width, ring = $("ring").style;
  [ring.left, ring.top] = [`${x * share}px`, `${y * share}px`];
  ring.width = ring.height = `${brush() * share}px`;
  $("ring").hidden = false;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
}

function stroke(from, to) {
  pen.strokeStyle = erasing ? "black" : "white";
  pen.lineWidth = brush();
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
}

canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  remember();
  last = place(event);
  stroke(last, last);
});
canvas.addEventListener("pointermove", event => {
  const next = place(event);
  showRing(next);
  if (!last) return;
  stroke(last, next);
  last = next;
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });
canvas.addEventListener("pointerleave", () => { $("ring").hidden = true; });
$("brush").addEventListener("input", () => showRing([canvas.width / 2, canvas.height / 2]));
canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) showRing(cursor); });
canvas.addEventListener("blur", () => { $("ring").hidden = true; });
canvas.addEventListener("keydown", event => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step && event.key !== " ") return;
  event.preventDefault();
  const from = cursor, by = SIDE / 24, within = (value, most) => Math.min(most, Math.max(0, value));
  if (step) cursor = [within(from[0] + step[0] * by, canvas.width), within(from[1] + step[1] * by, canvas.height)];
  showRing(cursor);
  if (step && !event.shiftKey) return;
  remember();
  stroke(from, cursor);
});
$("eraser").addEventListener("click", () => setErasing(!erasing));
function undo() {
  if (undone.length) pen.putImageData(undone.pop(), 0, 0);
}
$("undo").addEventListener("click", undo);
dialog.addEventListener("keydown", event => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); undo(); }
});
$("cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => document.querySelector(`[data-key="mask-${target.upload.number}"]`)?.focus());
$("fill").addEventListener("click", () => {
  remember();
  pen.globalCompositeOperation = "difference";
  fill("white");
  pen.globalCompositeOperation = "source-over";
});
$("nomask").addEventListener("click", () => { dialog.close(); done(null); });

function isEmpty() {
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let place = 0; place < data.length; place += 4) if (data[place] > 127) return false;
  return true;
}

$("usemask").addEventListener("click", async () => {
  if (isEmpty()) {
    $("maskline").textContent = "Nothing is drawn. Draw over the part where the painting applies, or choose Everywhere.";
    return;
  }
  try {
    const file = await new Promise(resolve => canvas.toBlob(resolve, "image/png"));
    const { number } = await upload(file, `mask-${target.upload.name}.png`, "mask");
    dialog.close();
    done(number);
  } catch (error) {
    $("maskline").textContent = error.message;  // what is drawn stays
  }
});
