/* The till's page, scripts and decoder, kept on the device: nothing is fetched to open the till, with or without network.
 *
 * The service writes `SHELL = { version, files, page }` above this text (merchants/pages/till_shell.py). Only these files
 * and the empty page are ever kept: no answer of the API, no list, no receipt.
 */

const PAGE = "/caisse";
const CACHE = `caisse-${SHELL.version}`;

/* Keep the page as an empty form; a device that is not paired has none. */
async function keepPage() {
  const answer = await fetch(SHELL.page, { credentials: "same-origin", cache: "no-store" });
  const cache = await caches.open(CACHE);
  if (answer.ok && !answer.redirected) await cache.put(PAGE, answer);
  else await cache.delete(PAGE);
}

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(SHELL.files);
    await keepPage();
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("caisse-") && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== self.location.origin) return;
  const path = address.pathname + address.search;
  if (path === PAGE || SHELL.files.includes(path)) {
    const kept = caches.open(CACHE).then((cache) => cache.match(path));
    event.respondWith(kept.then((found) => found ?? fetch(event.request)));
  } else if (address.pathname === PAGE && path !== SHELL.page) {
    event.waitUntil(keepPage().catch(() => undefined)); // the device has just been paired: the kept page was another's
  }
});
