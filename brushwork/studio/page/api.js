// Requests to the server. Every failure becomes an Error whose message is a sentence for the user.

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer. Is it still running in the terminal?");
  }
  if (response.ok) return response;
  let sentence = `the server answered ${response.status}`;
  try {
    sentence = (await response.json()).error ?? sentence;
  } catch { /* no JSON */ }
  const error = new Error(sentence.charAt(0).toUpperCase() + sentence.slice(1));
  error.status = response.status;
  throw error;
}

export const json = async (path, options) => (await ask(path, options)).json();

export const post = (path, body) =>
  json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });

export const upload = (file, name, role) =>
  json(`api/uploads?name=${encodeURIComponent(name)}&role=${role}`, { method: "POST", body: file });

// Calls heard(news) with each event while the page is open, and lost(true or false) when the connection changes. A hidden
// tab closes its connection, as a browser opens only six to a server.
export function listen(heard, lost) {
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => listen(heard, lost), { once: true });
    return;
  }
  const source = new EventSource("api/events");
  source.onopen = () => lost(false);
  source.onmessage = event => heard(JSON.parse(event.data));
  const again = () => {
    document.removeEventListener("visibilitychange", again);
    source.close();
    listen(heard, lost);
  };
  document.addEventListener("visibilitychange", again);
  source.onerror = () => {
    lost(true);
    if (source.readyState === EventSource.CLOSED) setTimeout(again, 2000);
  };
}
