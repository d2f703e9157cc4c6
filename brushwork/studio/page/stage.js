// The canvas: a picture, and the line that uncovers what it is compared with; or a film.

import { $ } from "./dom.js";
import { complain } from "./notices.js";

let loading = null;

// Play a film in a loop, without sound at first. poster: the address of its first frame. size: [width, height].
export function setFilm(address, poster, title, size) {
  const player = $("player");
  loading = null;  // what is being loaded is not shown any more
  $("canvas").style.setProperty("--ratio", size[0] / size[1]);
  $("frame").hidden = player.hidden = false;
  $("frame").classList.add("alone");
  if (player.getAttribute("src") === address) return;
  player.setAttribute("aria-label", title);
  player.poster = poster;
  player.src = address;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) player.play().catch(() => {});  // it may be gone before it plays
}

$("player").addEventListener("error", () => {
  if ($("player").hasAttribute("src")) complain("This browser cannot play the film; save it, and watch it elsewhere");
});

// End the film, with its connection to the server.
function endFilm() {
  const player = $("player");
  player.hidden = true;
  if (!player.hasAttribute("src")) return;
  player.pause();
  player.removeAttribute("src");
  player.load();
}

// Show an image once it is loaded; `before` is the address of what is compared with it, or null. While one is loading, only
// the newest of those that follow is kept.
export function setImage(address, before, alt) {
  endFilm();
  if (loading) { loading.next = [address, before, alt]; return; }
  const image = new Image(), mine = { next: null };
  loading = mine;
  const finish = () => {
    if (loading !== mine) return;
    loading = null;
    if (mine.next) setImage(...mine.next);
  };
  image.onload = () => {
    if (loading !== mine) return;  // a film is shown instead
    $("picture").src = address;
    $("picture").alt = alt;
    $("canvas").style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    $("frame").hidden = false;
    setBefore(before);
    finish();
  };
  image.onerror = finish;
  image.src = address;
}

function setBefore(address) {
  $("frame").classList.toggle("alone", !address);
  if (address && $("before").getAttribute("src") !== address) $("before").src = address;
}

// Move the line to a position in percent of the width; what is compared with lies at its right.
export function compare(place) {
  $("slider").value = place;
  $("slider").setAttribute("aria-valuetext", Number(place) === 100 ? "the whole picture" : `the picture up to ${place} %`);
  $("frame").style.setProperty("--cut", `${place}%`);
  $("frame").classList.toggle("compared", Number(place) < 100);
}

// What the two sides of the line are called.
export function setTags(left, right) {
  $("lefttag").textContent = left;
  $("righttag").textContent = right;
  $("slider").setAttribute("aria-label", `Compare with ${right}`);
}

$("slider").addEventListener("input", () => compare($("slider").value));
