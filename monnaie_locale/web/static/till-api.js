/* What the till's scripts share: how the service is asked, and how money and time are written. */

const ANSWER_TIMEOUT_MS = 8000;
export const NOT_MODIFIED = 304;

const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const euros = new Intl.NumberFormat("fr-FR", { style: "currency", currency: "EUR" });
const clock = new Intl.DateTimeFormat("fr-FR", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Paris" });

export const sleep = (milliseconds) => new Promise((resolve) => window.setTimeout(resolve, milliseconds));
export const shownEuros = (cents) => euros.format(cents / 100);
export const shownTime = (milliseconds) => clock.format(new Date(milliseconds));

/* Return the cents in "12,50", or null: digits are counted, nothing is ever a fraction. */
export function readCents(typed) {
  const match = typed.replace(/[\s\u00a0\u202f€]/g, "").match(/^(\d{1,13})(?:[.,](\d{1,2}))?$/);
  if (!match) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

/* Return a key that no other request ever carried: a UUID version 8, its time before its chance, as
 * ledger/keys.py makes them (RFC 9562 §5.8). */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const drawn = BigInt(((bytes[6] & 0x0f) << 8) | bytes[7]);
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(Date.now()) << 16n) | 0x8000n | drawn);
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/* Ask the API; gives { status, body, etag }, or null when no answer arrived. `known`: the ETag of what is kept already,
 * of which a 304 sends nothing again. */
export async function ask(method, address, { key, body, known } = {}) {
  const headers = { Accept: "application/json", "Accept-Language": "fr" };
  if (method !== "GET") Object.assign(headers, { "Content-Type": "application/json", "X-CSRF-Token": csrf });
  if (key) headers["Idempotency-Key"] = key;
  if (known) headers["If-None-Match"] = known;
  const gone = new AbortController();
  const timer = window.setTimeout(() => gone.abort(), ANSWER_TIMEOUT_MS);
  try {
    const options = { method, headers, signal: gone.signal, cache: "no-store", credentials: "same-origin" };
    const response = await fetch(address, { ...options, body: body && JSON.stringify(body) });
    const read = response.status === NOT_MODIFIED ? {} : await response.json();
    const answer = { status: response.status, body: read, etag: response.headers.get("ETag") };
    if (answer.status === 401 || answer.body.code === "csrf_token_invalid") await forgetPage();
    return answer;
  } catch (error) {
    return null; // no network, no answer in time, or an answer cut short
  } finally {
    window.clearTimeout(timer);
  }
}

/* The device is no longer paired, or was paired anew: the page that it keeps is another's. */
async function forgetPage() {
  if (!window.caches) return;
  for (const name of await caches.keys()) await (await caches.open(name)).delete("/caisse");
}

/* Tell whether an answer leaves open what the service did. */
export const isLost = (answer) => answer === null || answer.status >= 500;

/* Run `work` while no other tab of this till does the same; a browser without locks runs it at once. */
export function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}
