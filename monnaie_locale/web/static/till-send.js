/* A refund, a payment to another shop, a refused charge presented again: never sent twice, and a lost answer ends by itself as done or as not done.
 *
 * The page is a plain form that works without this script. Here the same fields go to the API under the page's own key,
 * which is on disk before they leave (till-doubts.js): closed in the middle, the till says the end when it opens again.
 */

import { isLost, newKey, readCents } from "./till-api.js";
import { WORDS, payOnce, resolveDoubt } from "./till-doubts.js";
import { listenToUsbScanner } from "./till-keyboard.js";

class Sending {
  constructor(element) {
    this.element = element;
    this.form = element.querySelector("form");
    this.outcome = element.querySelector(".till-outcome");
    this.button = this.form.querySelector("[type=submit]");
    this.words = WORDS[element.dataset.kind];
    this.busy = false;
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.scan(element.querySelector(".scanner"));
  }

  scan(scanner) {
    if (!scanner) return;
    scanner.addEventListener("scan", (event) => {
      this.form.elements.card.value = event.detail.text;
      this.button.focus();
    });
    if (scanner.scanner) listenToUsbScanner(scanner.scanner);
  }

  async submit(event) {
    const cents = readCents(this.form.elements.amount.value);
    const { key, to, card, pin } = this.form.elements;
    if (!cents || card?.value === "") return; // the service says what is wrong, beside the field
    event.preventDefault();
    if (this.busy) return;
    const doubt = { key: key.value, kind: this.element.dataset.kind, amount_cents: cents, at: Date.now() };
    const body = card ? { card: card.value, pin: pin.value || null } : { amount_cents: cents, ...(to && { to: to.value }) };
    if (pin) pin.value = "";
    this.wait("Envoi en cours…");
    await payOnce(doubt, body, (answer) => this.answered(doubt, answer), this.element.dataset.address);
    this.busy = false;
    this.button.disabled = false;
  }

  async answered(doubt, answer) {
    if (!isLost(answer)) return answer.status < 300 ? this.done(doubt) : this.refused(answer.body.title);
    this.wait("Réponse non reçue : vérification en cours. Ne recommencez pas.");
    const found = await resolveDoubt(doubt);
    if (found.problem) return this.refused(found.problem.title);
    if (found.state === "paid") return this.done(doubt);
    return this.refused(`${this.words.notDone} Vous pouvez appuyer de nouveau.`);
  }

  done(doubt) {
    window.location.assign(`/caisse/recu/${encodeURIComponent(doubt.key)}`);
  }

  /* Nothing was posted: another try is another request. */
  refused(sentence) {
    this.form.elements.key.value = newKey();
    const box = document.createElement("p");
    box.className = "notice notice-bad";
    box.setAttribute("role", "alert");
    box.textContent = sentence;
    this.outcome.className = "till-outcome";
    this.outcome.replaceChildren(box);
    this.button.disabled = false;
    this.button.focus();
  }

  wait(sentence) {
    this.busy = true;
    this.button.disabled = true;
    this.outcome.className = "till-outcome notice notice-warn";
    this.outcome.textContent = sentence;
  }
}

new Sending(document.querySelector("#till-send"));
