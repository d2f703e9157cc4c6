// Requests to the server. Every failure becomes an Error whose message is a sentence for the user. Its `parts` are the
// sentences one by one, with the settings and the paintings that they belong to: [{sentence, fields, styles}].

const PEEK = 5000;  // ms

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw refusal(0, { error: "The studio does not answer. Is it still running in the terminal?" });
  }
  if (response.ok) return response;
  let answer = {};
  try {
    answer = await response.json();
  } catch { /* no JSON */ }
  throw refusal(response.status, { error: `the server answered ${response.status}`, ...answer });
}

function refusal(status, { error, errors }) {
  const parts = (errors?.length ? errors : [{ sentence: error, fields: [], styles: [] }])
    .map(part => ({ ...part, sentence: part.sentence.charAt(0).toUpperCase() + part.sentence.slice(1) }));
  return Object.assign(new Error(parts.map(part => part.sentence).join("; ")), { status, parts });
}

export const json = async (path, options) => (await ask(path, options)).json();

export const post = (path, body, options = {}) =>
  json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}), ...options });

// Upload a picture in a role: content, style or mask.
export const upload = (file, name, role) => json(`api/uploads?name=${encodeURIComponent(name)}&role=${role}`, { method: "POST", body: file });

// The address of a small picture of an upload.
export const view = number => `api/uploads/${number}/view`;

// Calls heard(news) with each event while the page is open, and lost(true or false) when the connection changes. A hidden
// tab closes its connection, as a browser opens only six to a server; it asks for one event every few seconds instead,
// so that its title is up to date.
export function listen(heard, lost) {
  const source = new EventSource("api/events"), once = document.hidden;
  let timer = null;
  const again = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", again);
    source.close();
    listen(heard, lost);
  };
  source.onopen = () => lost(false);
  source.onmessage = event => {
    heard(JSON.parse(event.data));
    if (!once) return;
    source.close();
    timer = setTimeout(again, PEEK);
  };
  document.addEventListener("visibilitychange", again);
  source.onerror = () => {
    lost(true);
    if (source.readyState === EventSource.CLOSED) timer = setTimeout(again, 2000);
  };
}
