/* Pay a shop from its page: this phone signs in place of a card, and the PIN is asked for only when the rules want it. */

import { codeAddress, makeCode, recall } from "./phone_key.js";

const root = document.querySelector("#shop-pay");
const form = document.querySelector("#shop-form");
const button = form.querySelector("button[type=submit]");
const pin = root.querySelector("[data-pin]");
const euros = new Intl.NumberFormat(root.dataset.lang, { style: "currency", currency: "EUR" });

/* Say on the button what it does: what is pressed is what is paid. */
function name() {
  const typed = form.elements.amount?.value.replace(/[\s\u00a0\u202f€]/g, "").replace(",", ".") ?? "";
  const isAmount = /^\d{1,9}(\.\d{1,2})?$/.test(typed) && Number(typed) > 0;
  button.textContent = isAmount ? `${root.dataset.button} ${euros.format(Number(typed))}` : root.dataset.button;
}

let phone;
let isSent = false;

async function submit(event) {
  if (isSent) return event.preventDefault();
  if (!phone || form.elements.card.value) {
    isSent = true;
    return;
  }
  event.preventDefault();
  isSent = true;
  form.elements.card.value = codeAddress(phone, await makeCode(phone));
  form.submit();
}

async function start() {
  phone = window.crypto?.subtle && window.indexedDB ? await recall() : undefined;
  if (!phone) return;
  root.querySelector("[data-pays]").hidden = false;
  root.querySelector("[data-no-card]").hidden = true;
  root.querySelector("[data-by-card]").hidden = true;
  root.querySelector("[data-by-phone]").hidden = false;
  pin.hidden = !("asked" in pin.dataset);
}

form.elements.amount?.addEventListener("input", name);
form.addEventListener("submit", submit);
// Back from the next page, the form may be sent again: its key makes sure that it pays once.
window.addEventListener("pageshow", () => {
  isSent = false;
  form.elements.card.value = "";
});
name();
start().catch(console.error);
