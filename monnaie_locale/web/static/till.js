/* The till: scan, see what is left, pay, and never leave the counter in doubt.
 *
 * The page is a plain form that works without this script. Here the same fields go to the API. Every answer is one of:
 * paid, refused because, or "checking", which ends by itself (till-doubts.js).
 */

import { ask, isLost, newKey, readCents, shownEuros, shownTime, sleep } from "./till-api.js";
import { payOnce, resolveDoubt, takeUpDoubts } from "./till-doubts.js";
import { listenToUsbScanner } from "./till-keyboard.js";
import { ASK_CASHIER, followShift } from "./till-cashier.js";
import { CARD_ENDED, CARD_ONLY, OfflineTill } from "./till-offline.js";

const POLL_INTERVAL_MS = 1000;
const NEW_PHONE_CODE = "Demandez au porteur d’afficher un nouveau code.";
const CHECKING = "Réponse non reçue : vérification en cours. Ne recommencez pas et gardez la carte.";

class Till {
  constructor(form, offline) {
    this.form = form;
    this.offline = offline;
    this.outcome = document.querySelector("#till-outcome");
    this.refusal = document.querySelector("#till-refusal");
    this.pin = document.querySelector("#till-pin");
    this.left = document.querySelector("#till-left");
    this.card = document.querySelector("#till-card");
    this.read = document.querySelector("#till-read");
    this.scanner = document.querySelector(".scanner");
    this.pay = document.querySelector("#till-pay");
    this.busy = false;
    this.isScanned = false;
    this.available = null; // in cents, once the service has said it
    form.addEventListener("submit", (event) => this.submit(event));
    this.scanner.addEventListener("scan", (event) => this.scanned(event.detail.text));
    if (this.scanner.scanner) listenToUsbScanner(this.scanner.scanner);
    for (const name of ["amount", "other"]) form.elements[name].addEventListener("input", () => this.show());
    if (!form.elements.card.value && !this.pin.classList.contains("till-asked")) this.pin.hidden = !this.hasBegunPin;
    form.elements.card.addEventListener("input", () => this.typed());
    this.read.querySelector("button").addEventListener("click", () => this.forgetCard());
    document.querySelector("#till-partial").hidden = true;
    window.visualViewport?.addEventListener("resize", () => this.keepInReach());
    form.elements.pin.addEventListener("focus", () => this.keepInReach());
    this.typed();
    this.show();
    // Who began before this script came (a slow network) is not torn away: the digits of a PIN would land in the amount.
    if (document.activeElement === document.body) form.elements.amount.focus();
  }

  /* A slow network: the holder was faster than this script. */
  get hasBegunPin() {
    const { pin } = this.form.elements;
    return pin === document.activeElement || pin.value !== "";
  }

  /* Who types an amount types on, whatever is read or answered meanwhile: digits land nowhere else. */
  get isTypingAmount() {
    const { amount, other } = this.form.elements;
    return document.activeElement === amount || document.activeElement === other;
  }

  get goods() {
    return readCents(this.form.elements.amount.value) ?? 0;
  }

  get others() {
    return readCents(this.form.elements.other.value) ?? 0;
  }

  /* What this card pays: the eligible goods, or what it has. */
  get part() {
    return this.available === null ? this.goods : Math.min(this.goods, this.available);
  }

  /* Say what is left and who pays what, before anything is confirmed; in words only, so that the queue learns nothing. */
  show() {
    const { goods, others, part, available } = this;
    const rest = goods + others - part;
    const sentences = [];
    if (available !== null) sentences.push(`Disponible ici : ${shownEuros(available)}.`);
    if (part && rest) {
      sentences.push(`Total ${shownEuros(goods + others)} : ${shownEuros(part)} par cette carte, ${shownEuros(rest)} autrement.`);
    }
    this.left.textContent = sentences.join(" ");
    this.left.hidden = !sentences.length;
    this.pay.textContent = part ? `Encaisser ${shownEuros(part)}` : "Encaisser";
    this.pay.hidden = !this.form.elements.card.value || (goods > 0 && part === 0);
  }

  scanned(text) {
    if (this.busy) return; // the card that pays, or has paid, is another
    if (this.isScanned && text !== this.form.elements.card.value) this.forgetCard();
    this.form.elements.card.value = text;
    this.isScanned = true;
    this.card.hidden = true;
    this.scanner.hidden = true;
    this.read.hidden = false;
    this.typed();
    if (!this.isTypingAmount) (this.goods ? this.pay : this.form.elements.amount).focus();
    this.look();
  }

  /* There is nothing to press before there is a card; a number typed by hand always needs the PIN. */
  typed() {
    this.available = null;
    const isNumber = /^[\d\s]+$/.test(this.form.elements.card.value);
    if (isNumber) this.pin.hidden = false;
    this.form.classList.toggle("till-typing", isNumber);
    if (!this.form.elements.card.value) this.form.classList.remove("till-asking");
    this.show();
  }

  /* Ask what the scanned card has for this shop. Without an answer the payment itself will tell. */
  async look() {
    const card = this.form.elements.card.value;
    const answer = await ask("POST", "/api/v1/cards/remaining", { key: newKey(), body: { card } });
    const isSilent = isLost(answer);
    const hasEnded = isSilent && (await this.offline.hasEnded(card));
    if (this.busy || card !== this.form.elements.card.value) return;
    const typedIn = this.isTypingAmount ? document.activeElement : null;
    // A phone's code lives half a minute: it is not kept until the network is back.
    if (isSilent && this.offline.isPhone(card)) this.refuseCard(CARD_ONLY);
    else if (hasEnded) this.refuseCard(CARD_ENDED);
    else if (answer?.status === 200) this.available = answer.body.available_cents;
    else if (!isSilent) this.refused(answer.body);
    this.show();
    typedIn?.focus();
  }

  async submit(event) {
    const button = event.submitter;
    if (button && button.hasAttribute("formaction")) return; // the QR page is a page of its own
    event.preventDefault();
    if (this.busy) return;
    if (!this.goods) return this.refuse("Tapez le montant en euros, par exemple 12,50.", this.form.elements.amount);
    if (!this.form.elements.card.value) {
      return this.refuse("Scannez la carte, ou tapez son numéro.", this.form.elements.card);
    }
    if (!this.part) return;
    const body = {
      card: this.form.elements.card.value,
      amount_cents: this.part,
      pin: this.form.elements.pin.value || null,
    };
    await this.send(body);
  }

  async send(body) {
    this.wait("Encaissement en cours…");
    const doubt = { key: newKey(), amount_cents: body.amount_cents, at: Date.now() };
    await payOnce(doubt, body, async (answer) => {
      if (isLost(answer)) await this.check(doubt, body.card);
      else if (answer.status < 300) this.paid(answer.body);
      else this.refused(answer.body);
    });
  }

  /* Ask what became of it; meanwhile, with the network away, it may be taken offline, under the same key. */
  async check(doubt, card) {
    this.wait(CHECKING);
    let isTaken = false;
    const offered = this.offer(doubt, card, () => (isTaken = true));
    const found = await resolveDoubt(doubt, () => !isTaken);
    if (isTaken) return offered;
    if (found.problem) this.refused(found.problem);
    else if (found.state === "paid") this.paid(found.receipt);
    else this.refuse("Non payé : rien n’a été encaissé. Vous pouvez appuyer de nouveau sur « Encaisser ».", this.pay);
  }

  /* Put a button under the wait, or the reason why there is none; resolves when the payment was taken offline. */
  async offer(doubt, card, take) {
    const reason = await this.offline.refusal(card, doubt.amount_cents);
    if (reason) {
      this.outcome.append(document.createElement("br"), reason);
      return null;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-wide till-offline";
    button.textContent = `Encaisser ${shownEuros(doubt.amount_cents)} hors connexion`;
    this.outcome.append(button);
    const caution = this.offline.cards.caution();
    if (caution) {
      const line = document.createElement("small");
      line.textContent = caution;
      this.outcome.append(line);
    }
    return new Promise((resolve) => {
      button.addEventListener("click", async () => {
        if (doubt.asked) return button.remove(); // the service was reached meanwhile: its answer comes
        take();
        await this.offline.take(doubt, card);
        this.takenOffline(doubt);
        resolve();
      }, { once: true });
    });
  }

  takenOffline({ amount_cents: cents }) {
    const shown = document.querySelector("#till-taken").content.cloneNode(true);
    shown.querySelector('[data-fill="amount"]').textContent = shownEuros(cents);
    this.end(shown);
  }

  paid(receipt) {
    const shown = document.querySelector("#till-paid").content.cloneNode(true);
    const values = {
      amount: shownEuros(receipt.amount_cents),
      remaining: shownEuros(receipt.remaining_cents),
      number: String(receipt.number),
      time: shownTime(Date.parse(receipt.happened_at)),
    };
    for (const [name, text] of Object.entries(values)) shown.querySelector(`[data-fill="${name}"]`).textContent = text;
    const link = shown.querySelector("[data-receipt]");
    link.href = link.getAttribute("href").replace(/0$/, String(receipt.number));
    const rest = this.goods + this.others - receipt.amount_cents;
    if (rest > 0) {
      shown.querySelector("[data-fill=rest]").textContent = shownEuros(rest);
      shown.querySelector(".till-rest").hidden = false;
    }
    this.end(shown);
  }

  /* Show how it ended, in place of the form, which stays closed: no answer that is still on its way opens it. */
  end(shown) {
    this.refusal.replaceChildren();
    this.outcome.className = "";
    this.outcome.replaceChildren(shown);
    this.form.hidden = true;
    document.querySelector(".till-title").hidden = true;
    this.outcome.focus();
    window.scrollTo(0, 0);
  }

  refused(problem) {
    const asks = problem.code === "pin_required";
    if (asks || problem.code === "card_refused") this.askPin();
    const isShort = problem.code === "insufficient_funds";
    if (isShort) this.available = problem.details.available_cents ?? 0;
    if (problem.code === "phone_code_expired" || problem.code === "phone_code_used") return this.refuseCard(NEW_PHONE_CODE);
    if (problem.code === "cashier_required") window.location.assign(ASK_CASHIER);
    // A wrong PIN is answered like a wrong card: the card stays, the holder types again.
    const wrongCard = problem.code === "card_malformed" || problem.code === "card_of_another_town";
    if (wrongCard) this.forgetCard();
    const wantsPin = asks || problem.code === "card_refused";
    this.form.elements.pin.value = "";
    this.show();
    const next = wrongCard ? this.form.elements.card : this.pay;
    const needsPin = wantsPin || (isShort && !this.isScanned);
    // What a purse lacks is nobody else's business: no colour.
    this.refuse(problem.title, needsPin ? this.form.elements.pin : next, isShort ? "notice" : "notice notice-bad");
  }

  /* The holder types now: what nobody needs for that gives way, so that the button stays in reach of the thumb. */
  askPin() {
    this.pin.hidden = false;
    this.form.classList.add("till-asking");
  }

  /* The code is of no more use: say what to show instead, and read again. */
  refuseCard(sentence) {
    this.forgetCard();
    this.refuse(sentence, this.outcome);
    if (this.scanner.scanner?.canOpenCamera()) this.scanner.scanner.start();
  }

  forgetCard() {
    this.form.elements.card.value = this.form.elements.pin.value = "";
    this.isScanned = false;
    this.card.hidden = false;
    this.scanner.hidden = false;
    this.read.hidden = true;
    this.typed();
  }

  refuse(sentence, focus, look = "notice notice-bad") {
    this.close(false);
    const box = document.createElement("p");
    box.className = look;
    box.setAttribute("role", "alert");
    box.textContent = sentence;
    this.outcome.className = "";
    this.outcome.replaceChildren();
    this.refusal.replaceChildren(box);
    // While a PIN is typed, a message at the top would be out of sight.
    (this.pin.hidden ? this.form : this.pin).before(this.refusal);
    focus.focus();
    this.keepInReach();
  }

  /* The keyboard of a telephone takes half of the screen: while a PIN is typed the button stays above it. */
  keepInReach() {
    if (!this.pin.hidden && !this.form.hidden) this.pay.scrollIntoView({ block: "nearest" });
  }

  /* While a payment is under way nobody types the next one, nor asks for the same by QR. */
  close(isClosed) {
    this.busy = isClosed;
    this.form.setAttribute("aria-busy", String(isClosed));
    for (const field of this.form.elements) field.disabled = isClosed;
  }

  wait(sentence) {
    this.close(true);
    this.refusal.replaceChildren();
    this.outcome.className = "notice notice-warn";
    this.outcome.textContent = sentence;
  }
}

/* The QR page: ask every second whether the holder has paid, then show the page that says so. */
async function followRequest(element) {
  while (element.dataset.state === "waiting") {
    await sleep(POLL_INTERVAL_MS);
    const answer = await ask("GET", element.dataset.address);
    if (answer !== null && answer.status === 200 && answer.body.state !== "waiting") {
      element.dataset.state = answer.body.state;
      window.location.reload();
    }
  }
}

const form = document.querySelector("#till-form");
if (form) {
  const list = document.querySelector("#till-offline");
  const offline = new OfflineTill(list, JSON.parse(list.dataset.settings));
  new Till(form, offline);
  followShift(document.querySelector("#till-shift"), offline);
  takeUpDoubts(document.querySelector("#till-doubts"));
  offline.open().catch((error) => console.warn(error));
  const worker = { scope: "/caisse", updateViaCache: "all" };
  navigator.serviceWorker?.register("/caisse/service-worker.js", worker).catch((error) => console.warn(error));
  navigator.storage?.persist?.();
}
const request = document.querySelector("#request");
if (request) followRequest(request);
