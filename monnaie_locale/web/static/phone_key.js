/* The phone's own key, and the codes that it signs.
 *
 * The private key is made here and cannot be taken out: IndexedDB keeps it as a CryptoKey that signs and never shows
 * itself. The canonical form of a code is written down in wallets/codes/phone_code.py.
 */

const DATABASE = "monnaie-locale";
const STORE = "phone";
const OWN = "own";
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const PURPOSE = "monnaie-locale phone 1\n";
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PAYLOAD_BYTES = 14;
const CHANCE_BYTES = 6;

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore(mode, act) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/* What this browser is: { id, number, host, key, offsetMs }, or undefined when it is no phone of a card. */
export const recall = () => inStore("readonly", (store) => store.get(OWN));
export const remember = (phone) => inStore("readwrite", (store) => store.put(phone, OWN));
export const forget = () => inStore("readwrite", (store) => store.delete(OWN));

export const makeKey = () => crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);

/* The public half, as the service takes it: SubjectPublicKeyInfo in base64. */
export async function publicKeyOf(pair) {
  const bytes = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  return btoa(String.fromCharCode(...bytes));
}

function base32(bytes) {
  let written = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      written += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits ? written + ALPHABET[(held << (5 - bits)) & 31] : written;
}

/* The service's clock, as this phone last learnt it. */
export const serviceTime = (phone) => Date.now() + phone.offsetMs;

/* Return what the clock of this phone lacks, as an answer to a question asked at `askedAt` corrects it: no more than the
 * answer proves, for nobody knows how long a slow network had it. */
export function correctedOffset(offsetMs, nowMs, askedAt) {
  return Math.min(Math.max(offsetMs, nowMs - Date.now()), nowMs - askedAt);
}

/* Return the 125 characters of a new code. */
export async function makeCode(phone) {
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const view = new DataView(payload.buffer);
  view.setUint32(0, phone.id);
  view.setUint32(4, Math.floor(serviceTime(phone) / 1000));
  crypto.getRandomValues(payload.subarray(PAYLOAD_BYTES - CHANCE_BYTES));
  const head = new TextEncoder().encode(`${PURPOSE}${phone.host.toLowerCase()}\n`);
  const text = new Uint8Array([...head, ...payload]);
  const signature = new Uint8Array(await crypto.subtle.sign(SIGNATURE, phone.key, text));
  return base32([...payload, ...signature]);
}

/* Return the text of a code's QR: an address, so that any camera knows what to do with it. */
export const codeAddress = (phone, code) => `HTTPS://${phone.host.toUpperCase()}/T/${code}`;
