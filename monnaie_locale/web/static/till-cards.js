/* The cards as the town signed them for this shop: which have ended, and how much each pays without its PIN.
 *
 * Fetched while the network is there, kept on the disk, and believed only when the town's signature is right: what is not
 * verified is as if it were not there, and the caps of the till hold alone. It can only make a till stricter.
 */

import { NOT_MODIFIED, ask, fromBase64url } from "./till-api.js";
import { put, recall } from "./till-memory.js";

const ADDRESS = "/api/v1/tills/own-cards";
const STORE = "signer";
const NAME = "cards";
const FIRST_LINE = "monnaie-locale till-snapshot 1\n";
const FRESH_MS = 10 * 60 * 1000;
const MARK_LENGTH = 16; // 12 bytes in base64url
const CARD_LENGTH = MARK_LENGTH + 1; // and the digit of its cap
const CAUTIONS = {
  unsupported: "Ce navigateur ne sait pas vérifier la liste des cartes : hors connexion, il ne reconnaît pas une carte bloquée.",
  missing: "Cette caisse n’a pas de liste vérifiée des cartes : elle ne reconnaît pas une carte bloquée.",
  old: "La liste des cartes a plus de 24 heures : une carte bloquée depuis n’est pas reconnue.",
};

/* Cut a text into pieces of one length. */
function pieces(text, length) {
  const found = [];
  for (let start = 0; start < text.length; start += length) found.push(text.slice(start, start + length));
  return found;
}

/* Return the key of the town, or null in a browser that knows no Ed25519 (before Chrome 137, Firefox 129, Safari 17). */
async function keyOf(settings) {
  try {
    const spki = fromBase64url(settings.town_key);
    return await crypto.subtle.importKey("spki", spki, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    return null;
  }
}

/* Tell whether a text is a list of cards that the town signed; what is no signature at all is none. */
async function isGenuine(key, signed, signature) {
  try {
    const bytes = new TextEncoder().encode(signed);
    return signed.startsWith(FIRST_LINE) && (await crypto.subtle.verify("Ed25519", key, fromBase64url(signature), bytes));
  } catch (error) {
    return false;
  }
}

export class CardList {
  /* `settings` are those of the till: { merchant, town_key }. */
  constructor(settings) {
    this.settings = settings;
    this.key = null;
    this.known = null; // { issued_at_ms, expires_at_ms, ended, caps }, once verified
    this.kept = null; // { signed, signature, etag, at }, of what is known
    this.opened = null;
  }

  /* Read what the disk holds, once. */
  open() {
    this.opened ??= this.read();
    return this.opened;
  }

  async read() {
    this.key = await keyOf(this.settings);
    const kept = await recall(STORE, NAME);
    if (kept && (await this.believe(kept))) this.kept = kept;
  }

  /* Keep up with the service, every ten minutes at most: the till opens anew for each payment. */
  async follow(isNewPairing) {
    if (!this.key) return;
    window.addEventListener("online", () => this.refresh());
    window.setInterval(() => this.refresh(), FRESH_MS);
    if (isNewPairing || !this.kept || Math.abs(Date.now() - this.kept.at) >= FRESH_MS) await this.refresh();
  }

  async refresh() {
    const answer = await ask("GET", ADDRESS, { known: this.kept?.etag });
    let kept = this.kept;
    if (answer?.status === 200 && (await this.believe(answer.body))) kept = { ...answer.body, etag: answer.etag };
    else if (answer?.status !== NOT_MODIFIED) return;
    this.kept = { ...kept, name: NAME, at: Date.now() };
    await put(STORE, this.kept);
  }

  /* Take over a list that the town signed for this shop, not older than what is known; tell whether it is one. */
  async believe({ signed, signature }) {
    if (!this.key || !(await isGenuine(this.key, signed, signature))) return false;
    const says = JSON.parse(signed.slice(FIRST_LINE.length));
    if (says.merchant !== this.settings.merchant || says.issued_at_ms < (this.known?.issued_at_ms ?? 0)) return false;
    const caps = pieces(says.cards, CARD_LENGTH);
    this.known = {
      issued_at_ms: says.issued_at_ms,
      expires_at_ms: says.expires_at_ms,
      ended: new Set(pieces(says.denied, MARK_LENGTH)),
      caps: new Map(caps.map((card) => [card.slice(0, MARK_LENGTH), says.caps_cents[Number(card[MARK_LENGTH])]])),
    };
    return true;
  }

  /* A card that has ended never pays again: for that a list is never too old. */
  hasEnded(mark) {
    return this.known?.ended.has(mark.slice(0, MARK_LENGTH)) ?? false;
  }

  /* Return how much a card pays without its PIN, in cents; null when today's list does not know it. */
  capOf(mark) {
    return this.isOld ? null : (this.known?.caps.get(mark.slice(0, MARK_LENGTH)) ?? null);
  }

  get isOld() {
    return this.known !== null && Date.now() >= this.known.expires_at_ms;
  }

  /* Return what the shop must know of the list before it takes a card offline; null when all is well. */
  caution() {
    if (!this.key) return CAUTIONS.unsupported;
    if (!this.known) return CAUTIONS.missing;
    return this.isOld ? CAUTIONS.old : null;
  }
}
