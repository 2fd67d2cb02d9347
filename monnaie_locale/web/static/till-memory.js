/* What the till must not forget when its page closes: payments whose answer is awaited, and those taken offline.
 *
 * No PIN is ever kept. A card's code is kept only inside a signed offline payment, until the service has answered it.
 */

const NAME = "caisse";
const VERSION = 1;
// doubts: { key, kind, amount_cents, at }. offline: see till-offline.js. signer: { name, pair, sequence }, and under a name
// of its own the list of till-cards.js: another store would ask for a new version, which a second tab holds up.
const STORES = { doubts: "key", offline: "key", signer: "name" };

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const [store, keyPath] of Object.entries(STORES)) request.result.createObjectStore(store, { keyPath });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/* Run `work(get)` on stores in one transaction; resolves when it is on disk. */
export async function remember(stores, mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    // "strict": the answer comes once the disk has it, so that a dead battery does not take it away.
    const transaction = database.transaction(stores, mode, { durability: "strict" });
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
    work((store) => transaction.objectStore(store), (value) => (result = value));
  });
}

export const put = (store, value) => remember([store], "readwrite", (of) => of(store).put(value));
export const forget = (store, key) => remember([store], "readwrite", (of) => of(store).delete(key));

export function recall(store, key) {
  return remember([store], "readonly", (of, give) => {
    of(store).get(key).onsuccess = (event) => give(event.target.result);
  });
}

export function recallAll(store) {
  return remember([store], "readonly", (of, give) => {
    of(store).getAll().onsuccess = (event) => give(event.target.result);
  });
}
