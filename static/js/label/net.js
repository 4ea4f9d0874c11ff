/* Asking the server in the background: an answer, or one of two reasons why there is none yet. */

const PATIENCE_MS = 20_000;

/** No answer came, or one that asks to try again later. */
export class Offline extends Error {}

/** The login has run out, or somebody else has logged in: nothing more can be sent from this page. */
export class SignedOut extends Error {}

/** Send a form (or just look, without `body`). What cannot be settled now is thrown as Offline or SignedOut. */
export async function ask(url, { body, signal, next, keepalive = false } = {}) {
  const headers = { "X-Requested-With": "label" };
  if (next !== undefined) headers["X-Label-Next"] = next;
  if (body) {
    body.delete("csrfmiddlewaretoken");
    headers["X-CSRFToken"] = csrfToken();
  }
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  const stop = () => patience.abort();
  signal?.addEventListener("abort", stop);
  let response;
  try {
    response = await fetch(url, {
      method: body ? "POST" : "GET",
      body,
      headers,
      keepalive,
      signal: patience.signal,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Offline(error.message);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
  if (response.status >= 500 || response.status === 429 || response.status === 408) throw new Offline(response.statusText);
  if (response.redirected || (response.status === 403 && !isJson(response))) throw new SignedOut();
  return response;
}

export function isJson(response) {
  return response.headers.get("Content-Type")?.startsWith("application/json") ?? false;
}

/** Of a refusal, the sentence that says what to do. */
export async function sentenceOf(response) {
  if (isJson(response)) return (await response.json()).sentence;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector("#label-error p, main p")?.textContent.trim() || "The server refused this. Reload the page.";
}

/** Until the time is over, or the browser says that the network is back. */
export function waitForNetwork(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    }
    addEventListener("online", done);
  });
}

const RETRY_MS = [1000, 2000, 4000, 8000, 15000];

/** How long to wait after so many failures. */
export function delayAfter(failures) {
  return RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
}

function csrfToken() {
  return document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}
