// The canvas: a picture, and the line that uncovers what it is compared with.

import { $ } from "./dom.js";

let loading = null;

// Show an image once it is loaded; `before` is the address of what is compared with it, or null. While one is loading, only
// the newest of those that follow is kept.
export function setImage(address, before, alt) {
  if (loading) { loading.next = [address, before, alt]; return; }
  const image = new Image();
  loading = { next: null };
  const finish = () => {
    const { next } = loading;
    loading = null;
    if (next) setImage(...next);
  };
  image.onload = () => {
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
