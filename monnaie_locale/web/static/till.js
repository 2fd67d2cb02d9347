/* The till: scan, pay, and never leave the counter in doubt.
 *
 * The page is a plain form that works without this script. Here the same fields go to the API under the same key; when
 * the answer is lost, the key is asked for until the service says "paid" or "nothing was posted".
 */

const ANSWER_TIMEOUT_MS = 8000;
const CHECK_INTERVAL_MS = 2000;
const POLL_INTERVAL_MS = 1000;

const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const euros = new Intl.NumberFormat("fr-FR", { style: "currency", currency: "EUR" });
const clock = new Intl.DateTimeFormat("fr-FR", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Paris" });

const sleep = (milliseconds) => new Promise((resolve) => window.setTimeout(resolve, milliseconds));
const shownEuros = (cents) => euros.format(cents / 100);

/* Return the cents in "12,50", or null: digits are counted, nothing is ever a fraction. */
function readCents(typed) {
  const match = typed.replace(/[\s\u00a0\u202f€]/g, "").match(/^(\d{1,13})(?:[.,](\d{1,2}))?$/);
  if (!match) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

/* Ask the API; gives { status, body }, or null when no answer arrived. */
async function ask(method, address, { key, body } = {}) {
  const headers = { Accept: "application/json", "Accept-Language": "fr" };
  if (method !== "GET") Object.assign(headers, { "Content-Type": "application/json", "X-CSRF-Token": csrf });
  if (key) headers["Idempotency-Key"] = key;
  const gone = new AbortController();
  const timer = window.setTimeout(() => gone.abort(), ANSWER_TIMEOUT_MS);
  try {
    const options = { method, headers, signal: gone.signal, cache: "no-store", credentials: "same-origin" };
    const response = await fetch(address, { ...options, body: body && JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    return null; // no network, no answer in time, or an answer cut short
  } finally {
    window.clearTimeout(timer);
  }
}

class Till {
  constructor(form) {
    this.form = form;
    this.key = form.elements.key.value;
    this.outcome = document.querySelector("#till-outcome");
    this.refusal = document.querySelector("#till-refusal");
    this.pin = document.querySelector("#till-pin");
    this.partial = document.querySelector("#till-partial");
    this.card = document.querySelector("#till-card");
    this.read = document.querySelector("#till-read");
    this.scanner = document.querySelector(".scanner");
    this.pay = document.querySelector("#till-pay");
    this.busy = false;
    form.addEventListener("submit", (event) => this.submit(event));
    this.scanner.addEventListener("scan", (event) => this.scanned(event.detail.text));
    form.elements.amount.addEventListener("input", () => this.name());
    if (!form.elements.card.value && !this.pin.classList.contains("till-asked")) this.pin.hidden = true;
    form.elements.card.addEventListener("input", () => this.typed());
    this.read.querySelector("button").addEventListener("click", () => this.forgetCard());
    this.name();
    this.typed();
    form.elements.amount.focus();
  }

  /* Say on the button what it does: what is signed is what is shown. */
  name() {
    const cents = readCents(this.form.elements.amount.value);
    this.pay.textContent = cents ? `Encaisser ${shownEuros(cents)}` : "Encaisser";
  }

  scanned(text) {
    this.form.elements.card.value = text;
    this.card.hidden = true;
    this.scanner.hidden = true;
    this.read.hidden = false;
    this.typed();
    (readCents(this.form.elements.amount.value) ? this.pay : this.form.elements.amount).focus();
  }

  /* There is nothing to press before there is a card; a number typed by hand always needs the PIN. */
  typed() {
    const code = this.form.elements.card.value;
    this.pay.hidden = !code;
    if (/^[\d\s]+$/.test(code)) this.pin.hidden = false;
  }

  async submit(event) {
    const button = event.submitter;
    if (button && button.hasAttribute("formaction")) return; // the QR page is a page of its own
    event.preventDefault();
    if (this.busy) return;
    const cents = readCents(this.form.elements.amount.value);
    if (!cents) return this.refuse("Tapez le montant en euros, par exemple 12,50.", this.form.elements.amount);
    if (!this.form.elements.card.value) {
      return this.refuse("Scannez la carte, ou tapez son numéro.", this.form.elements.card);
    }
    const body = {
      card: this.form.elements.card.value,
      amount_cents: cents,
      pin: this.form.elements.pin.value || null,
      partial: Boolean(button && button.name === "partial"),
    };
    await this.send(body);
  }

  async send(body) {
    this.wait("Encaissement en cours…");
    const answer = await ask("POST", "/api/v1/charges", { key: this.key, body });
    // A key that carries another request: an earlier try, whose answer was lost, did arrive after all.
    const lost = answer === null || answer.status >= 500 || answer.body.code === "idempotency_key_reused";
    if (lost) await this.resolveUnknown();
    else if (answer.status < 300) this.paid(answer.body);
    else this.refused(answer.body);
    this.busy = false;
    this.form.removeAttribute("aria-busy");
    this.pay.disabled = false;
  }

  /* The answer was lost: ask what became of the key. Only the service knows; the till never guesses. */
  async resolveUnknown() {
    for (;;) {
      this.wait("Réponse non reçue : vérification en cours. Ne recommencez pas et gardez la carte.");
      await sleep(CHECK_INTERVAL_MS);
      const found = await ask("GET", `/api/v1/charges/by-key/${encodeURIComponent(this.key)}`);
      if (found !== null && found.status === 200) return this.paid(found.body);
      if (found !== null && found.status === 404) {
        return this.refuse("Rien n’a été encaissé. Vous pouvez appuyer de nouveau sur « Encaisser ».", this.pay);
      }
      if (found !== null && found.status === 401) return this.refused(found.body);
    }
  }

  paid(receipt) {
    const shown = document.querySelector("#till-paid").content.cloneNode(true);
    const values = {
      amount: shownEuros(receipt.amount_cents),
      remaining: shownEuros(receipt.remaining_cents),
      number: String(receipt.number),
      hash: receipt.entry_hash,
      time: clock.format(new Date(receipt.happened_at)),
    };
    for (const [name, text] of Object.entries(values)) shown.querySelector(`[data-fill="${name}"]`).textContent = text;
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
    if (asks || problem.code === "card_refused") this.pin.hidden = false;
    const available = problem.code === "insufficient_funds" ? problem.details.available_cents : 0;
    this.partial.hidden = !available;
    const offer = document.querySelector("#till-available");
    if (available) offer.textContent = `Encaisser seulement ${shownEuros(available)}`;
    // A wrong PIN is answered like a wrong card: the card stays, the holder types again.
    const wrongCard = problem.code === "card_malformed" || problem.code === "card_of_another_town";
    if (wrongCard) this.forgetCard();
    const wantsPin = asks || problem.code === "card_refused";
    this.form.elements.pin.value = "";
    const next = wrongCard ? this.form.elements.card : this.pay;
    this.refuse(problem.title, wantsPin ? this.form.elements.pin : next);
  }

  forgetCard() {
    this.form.elements.card.value = "";
    this.card.hidden = false;
    this.scanner.hidden = false;
    this.read.hidden = true;
    this.typed();
  }

  refuse(sentence, focus) {
    const box = document.createElement("p");
    box.className = "notice notice-bad";
    box.setAttribute("role", "alert");
    box.textContent = sentence;
    this.outcome.className = "";
    this.outcome.replaceChildren();
    this.refusal.replaceChildren(box);
    focus.focus();
  }

  wait(sentence) {
    this.busy = true;
    this.form.setAttribute("aria-busy", "true");
    this.pay.disabled = true;
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
if (form) new Till(form);
const request = document.querySelector("#request");
if (request) followRequest(request);
