/* The worker of the phone's page: it keeps the page and its scripts, so that the code shows without a network.
 *
 * Nothing of the holder is kept here: the page is the same for everybody, the key lives in the phone's own database.
 */

const SHELF = "telephone-VERSION";
const PAGES = {{ pages|safe }};
const KEPT = {{ kept|safe }};
// In a shop with two bars of network nobody waits for the page to come.
const PATIENCE_MS = 3000;

self.addEventListener("install", (event) => {
  // Without cookies: fetching the page in each language chooses none.
  const asked = [...PAGES, ...KEPT].map((address) => new Request(address, { credentials: "omit", cache: "no-cache" }));
  const kept = caches.open(SHELF).then((shelf) => shelf.addAll(asked));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const dropOlder = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("telephone-") && name !== SHELF).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(dropOlder());
});

/* The kept page in the language asked for, else in the phone's own. */
function keptPage(address) {
  const asked = new URL(address).searchParams.get("lang") ?? (self.navigator.language || "").slice(0, 2);
  return PAGES.find((page) => page.endsWith(`lang=${asked}`)) ?? PAGES[0];
}

async function answer(request) {
  const shelf = await caches.open(SHELF);
  if (request.mode === "navigate") {
    const kept = await shelf.match(keptPage(request.url));
    const late = new Promise((resolve) => self.setTimeout(() => resolve(kept), PATIENCE_MS));
    const fresh = fetch(request).catch(() => kept ?? Response.error());
    return kept ? Promise.race([fresh, late]) : fresh;
  }
  return (await shelf.match(request)) ?? fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const isOurs = new URL(url).origin === self.location.origin;
  if (method === "GET" && isOurs) event.respondWith(answer(event.request));
});
