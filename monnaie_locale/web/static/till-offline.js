/* Payments taken while the network is away: bounded, signed by this device, kept on its disk, sent when it is back.
 *
 * A row of the store "offline": { key, sequence, signed, signature, card, amount_cents, at, state, sentence }, where
 * state is waiting → paid | refused → read. What was refused stays on the screen until somebody has read it; so does
 * what was paid in part by the programme's guarantee, `guaranteed_cents`.
 */

import { alone, ask, base64url, isLost, newKey, shownEuros, shownTime } from "./till-api.js";
import { CardList } from "./till-cards.js";
import { dismissal } from "./till-doubts.js";
import { forget, put, recall, recallAll, remember } from "./till-memory.js";

const SYNC_INTERVAL_MS = 15000;
const KEPT_MS = 3 * 24 * 3600 * 1000;
const SIGNING = { name: "ECDSA", namedCurve: "P-256" };
export const CARD_ONLY = "Hors connexion, seule la carte est acceptée.";
// As with network, whoever holds the card does not learn whether it was reported.
export const CARD_ENDED = "Carte refusée : elle ne peut pas payer. La personne peut appeler le CCAS.";
const NEEDS_NETWORK = "Hors connexion, cette carte ne peut pas payer ici. Attendez le retour du réseau.";
const SIGNER = "signer";
const LIST = "/caisse/journee";

const paris = new Intl.DateTimeFormat("fr-CA", { timeZone: "Europe/Paris" });
const sum = (rows) => rows.reduce((cents, row) => cents + row.amount_cents, 0);

function shownAge(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  if (minutes < 1) return "moins d’une minute";
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
}

/* What tells cards apart, however a code is spelled: as `SignedCharge.card_digest` of the service. */
async function digest(text) {
  const secret = text.toUpperCase().split("/").pop().replace(/[\s\u2010\u2011-]/g, "");
  const meant = secret.replaceAll("O", "0").replace(/[IL]/g, "1");
  return base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(meant)));
}

/* Return the link to the list where a refusal is paid later, or given up. */
function settling() {
  const link = document.createElement("a");
  link.href = LIST;
  link.className = "button button-quiet";
  link.textContent = "Régler ou classer";
  return link;
}

export class OfflineTill {
  /* `element` is the list of the page; `settings` are { till, merchant, caps: { payment, card_day, till }, card, phone,
   * town_key }: how the codes of cards and phones begin, and what the town signs with. The page may be of last week:
   * till-cashier.js brings the caps of today and who holds the till, till-cards.js which cards have ended. */
  constructor(element, settings) {
    this.element = element;
    this.settings = settings;
    this.cashier = null;
    this.cards = new CardList(settings);
    window.addEventListener("online", () => this.sync());
    window.setInterval(() => this.sync(), SYNC_INTERVAL_MS);
  }

  async open() {
    const isNewPairing = new URLSearchParams(window.location.search).has("appairee");
    await this.cards.open();
    await this.register(isNewPairing);
    await this.sync();
    await this.cards.follow(isNewPairing);
  }

  /* Make the key of this device once, and give its public part to the service once for each pairing. */
  async register(isNewPairing = false) {
    if (!navigator.locks || !crypto.subtle) return false;
    return alone("offline-signer", async () => {
      let signer = await recall(SIGNER, SIGNER);
      if (!signer) {
        const pair = await crypto.subtle.generateKey(SIGNING, false, ["sign", "verify"]);
        signer = { name: SIGNER, pair, sequence: 0, at: 0, till: null };
        await put(SIGNER, signer);
      }
      if (signer.till === this.settings.till && !isNewPairing) return true;
      const publicKey = base64url(await crypto.subtle.exportKey("spki", signer.pair.publicKey));
      const answer = await ask("POST", "/api/v1/tills/own-key", { key: newKey(), body: { public_key: publicKey } });
      if (answer?.status !== 200) return false;
      await put(SIGNER, { ...signer, till: this.settings.till });
      return true;
    });
  }

  isPhone(code) {
    return code.toUpperCase().startsWith(this.settings.phone);
  }

  /* Tell whether a card is known to have ended: it is refused at once, network or not. */
  async hasEnded(card) {
    await this.cards.open();
    return this.cards.hasEnded(await digest(card));
  }

  /* Return why this payment cannot be taken offline, or null when it can. */
  async refusal(card, cents) {
    const { caps, card: cardPrefix, till } = this.settings;
    if (this.isPhone(card)) return CARD_ONLY;
    const signer = await recall(SIGNER, SIGNER);
    if (!navigator.locks || signer?.till !== till) return "Pas de réseau : cette caisse ne peut pas encaisser hors connexion.";
    if (!card.toUpperCase().startsWith(cardPrefix)) return "Hors connexion, la carte doit être scannée.";
    if (cents > caps.payment) return `Hors connexion, ${shownEuros(caps.payment)} au plus par encaissement.`;
    const [rows, mark, today] = [await recallAll("offline"), await digest(card), paris.format(Date.now())];
    if (await this.hasEnded(card)) return CARD_ENDED;
    const cap = this.cards.capOf(mark);
    if (cap === 0) return NEEDS_NETWORK;
    if (cap !== null && cents > cap) return `Hors connexion, ${shownEuros(cap)} au plus avec cette carte, sans son code secret.`;
    const same = rows.filter((row) => row.card === mark && row.state !== "refused" && paris.format(row.at) === today);
    if (sum(same) + cents > caps.card_day) return `Hors connexion, ${shownEuros(caps.card_day)} au plus par carte et par jour.`;
    const waiting = rows.filter((row) => row.state === "waiting");
    if (sum(waiting) + cents > caps.till) return `Hors connexion, ${shownEuros(caps.till)} au plus en attente d’envoi.`;
    return null;
  }

  /* Sign a payment and keep it, in place of the doubt about it: the same key, so that it is paid once. */
  async take(doubt, card) {
    await alone("offline-signer", async () => {
      const signer = await recall(SIGNER, SIGNER);
      const sequence = signer.sequence + 1;
      const at = Math.max(Date.now(), signer.at); // a clock that was set back makes nothing older than the one before
      const signed = JSON.stringify({
        till: this.settings.till, sequence, key: doubt.key, card, amount_cents: doubt.amount_cents, happened_at_ms: at,
        ...(this.cashier && { cashier: this.cashier.id }),
      });
      const how = { name: "ECDSA", hash: "SHA-256" };
      const signature = base64url(await crypto.subtle.sign(how, signer.pair.privateKey, new TextEncoder().encode(signed)));
      const row = { key: doubt.key, sequence, signed, signature, card: await digest(card), amount_cents: doubt.amount_cents };
      await remember([SIGNER, "offline", "doubts"], "readwrite", (of) => {
        of(SIGNER).put({ ...signer, sequence, at });
        of("offline").put({ ...row, at, state: "waiting" });
        of("doubts").delete(doubt.key);
      });
    });
    await this.show();
  }

  /* Send what waits, in the order it was taken; stop at the first that gets no answer. */
  async sync() {
    await alone("offline-sync", async () => {
      const rows = (await recallAll("offline")).filter((row) => row.state === "waiting");
      rows.sort((one, other) => one.sequence - other.sequence);
      for (const row of rows) if (!(await this.send(row))) break;
    });
    await this.show();
  }

  async send(row, isRetry = false) {
    const body = { signed: row.signed, signature: row.signature };
    const answer = await ask("POST", "/api/v1/offline-charges", { key: row.key, body });
    if (isLost(answer) || answer.status === 401 || answer.status === 429) return false;
    if (answer.body.code === "till_key_missing" && !isRetry) return (await this.register(true)) && this.send(row, true);
    if (answer.body.code === "till_key_missing" || answer.body.code === "csrf_token_invalid") return false;
    const { signed, signature, ...rest } = row;
    const outcome = { state: answer.body.state, sentence: answer.body.sentence };
    const guaranteed = answer.body.receipt?.guaranteed_cents ?? 0;
    if (answer.status === 200) await put("offline", { ...rest, ...outcome, guaranteed_cents: guaranteed });
    else await put("offline", { ...row, state: "refused", sentence: answer.body.title });
    return true;
  }

  async show() {
    const rows = await recallAll("offline");
    const lines = [];
    const waiting = rows.filter((row) => row.state === "waiting");
    if (waiting.length) {
      const oldest = Math.min(...waiting.map((row) => row.at));
      const count = waiting.length === 1 ? "1 encaissement hors connexion" : `${waiting.length} encaissements hors connexion`;
      lines.push(this.line(`${count} (${shownEuros(sum(waiting))}) à envoyer, le plus ancien depuis ${shownAge(Date.now() - oldest)}.`));
    }
    for (const row of rows.filter((each) => each.state === "refused")) {
      const line = this.line(`${shownEuros(row.amount_cents)} pris hors connexion à ${shownTime(row.at)} : non payé. ${row.sentence}`, row);
      line.append(settling(), dismissal(() => this.read(row)));
      lines.push(line);
    }
    for (const row of rows.filter((each) => each.state === "paid" && each.guaranteed_cents)) {
      const part = row.guaranteed_cents < row.amount_cents ? `dont ${shownEuros(row.guaranteed_cents)} ` : "";
      const line = this.line(`${shownEuros(row.amount_cents)} pris hors connexion à ${shownTime(row.at)} : payé, ${part}par la garantie du dispositif.`, row);
      line.append(dismissal(() => this.seen(row)));
      lines.push(line);
    }
    const old = rows.filter((row) => (row.state === "paid" || row.state === "read") && Date.now() - row.at > KEPT_MS);
    for (const row of old) await forget("offline", row.key);
    this.draw(lines);
  }

  /* Leave a line that says the same where it is, so that whoever stands on its buttons with the keyboard stays there. */
  draw(lines) {
    const shown = new Map([...this.element.children].map((line) => [line.dataset.row + line.textContent, line]));
    const wanted = lines.map((line) => shown.get(line.dataset.row + line.textContent) ?? line);
    for (const line of shown.values()) if (!wanted.includes(line)) line.remove();
    wanted.forEach((line, place) => {
      if (this.element.children[place] !== line) this.element.insertBefore(line, this.element.children[place] ?? null);
    });
    this.element.hidden = !lines.length;
  }

  line(sentence, row) {
    const line = document.createElement("li");
    line.dataset.row = row?.key ?? "";
    const text = document.createElement("span");
    text.textContent = sentence;
    line.append(text);
    return line;
  }

  /* What the guarantee paid is paid: the service has nothing to note. */
  async seen(row) {
    await put("offline", { ...row, state: "read" });
    await this.show();
  }

  /* The shop has read a refusal: the service notes it, and keeps it in its list. */
  async read(row) {
    const answer = await ask("POST", "/api/v1/offline-charges/acknowledge", { key: newKey(), body: { key: row.key } });
    // What the service never took in (another answer than "refused") it cannot note: the device does.
    if (isLost(answer) || answer.status === 401) return;
    await put("offline", { ...row, state: "read" });
    await this.show();
  }
}
