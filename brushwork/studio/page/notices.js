// Messages: one line that says what happens, and a list of mistakes, each of which stays until it is dismissed.

import { $, make, setText } from "./dom.js";

// Say what happens, above the Paint button. Screen readers read it too.
export function say(sentence) {
  setText($("line"), sentence);
}

// Add a mistake to the list; the same sentence is not added twice.
export function complain(sentence) {
  const same = [...$("notices").children].find(notice => notice.firstChild.textContent === sentence);
  same?.remove();
  const away = make("button", { type: "button", class: "close", "aria-label": `Dismiss: ${sentence}`, text: "×", onclick: () => dismiss(notice) });
  const notice = make("div", { class: "notice" }, make("span", { text: sentence }), away);
  $("notices").append(notice);
  notice.scrollIntoView({ block: "nearest" });
}

// Remove a mistake, and move the focus to the next one, or to the Paint button.
function dismiss(notice) {
  const next = notice.nextElementSibling ?? notice.previousElementSibling;
  notice.remove();
  (next?.querySelector("button") ?? $("paint")).focus();
}

// Show an error of a request, unless the page itself cancelled it.
export function complainOf(error) {
  if (error.name === "AbortError") return;
  for (const { sentence } of error.parts ?? [{ sentence: error.message }]) complain(sentence);
}

// The result of a promise, or null after an error, which is shown.
export async function attempt(promise) {
  try {
    return await promise;
  } catch (error) {
    complainOf(error);
    return null;
  }
}
