/* Pay a shop from its page: this phone signs in place of a card, and the PIN is asked for only when the rules want it.
 *
 * The page is a plain form: without this script, or on a phone without a key, the card that is open pays.
 */

import { codeAddress, makeCode, recall } from "./phone_key.js";

const root = document.querySelector("#shop-pay");
const form = document.querySelector("#shop-form");
const button = form.querySelector("button[type=submit]");
const { amount, card, pin } = form.elements;

let phone;
let isSent = false;

/* Say on the button what it does: what is pressed is what is paid. */
function name() {
  const euros = new Intl.NumberFormat(root.dataset.language, { style: "currency", currency: "EUR" });
  const typed = amount.value.replace(/[\s\u00a0\u202f€]/g, "").replace(",", ".");
  const isAmount = /^\d{1,9}(\.\d{1,2})?$/.test(typed) && Number(typed) > 0;
  button.textContent = isAmount ? `${root.dataset.button} ${euros.format(Number(typed))}` : root.dataset.button;
}

async function submit(event) {
  if (isSent) return event.preventDefault();
  isSent = true;
  if (!phone) return;
  event.preventDefault();
  card.value = codeAddress(phone, await makeCode(phone));
  form.submit();
}

function show(selector, isShown) {
  for (const element of root.querySelectorAll(selector)) element.hidden = !isShown;
}

/* Tell whether somebody has begun to type how a card pays. */
const hasBegun = () => [card, pin].some((field) => field === document.activeElement || field.value !== field.defaultValue);

async function start() {
  const found = window.crypto?.subtle && window.indexedDB ? await recall() : undefined;
  // Who began before this script came (a slow network) goes on with the card: its PIN would be held against the phone's.
  if (!found || hasBegun()) return;
  phone = found;
  card.value = "";
  show("[data-pays], [data-by-phone]", true);
  show("[data-no-card], [data-by-card]", false);
  show("[data-pin]", root.querySelector("[data-asked]") !== null);
}

if (amount) {
  amount.addEventListener("input", name);
  name();
}
form.addEventListener("submit", submit);
// Back from the next page the form may be sent again: its key makes sure that it pays once.
window.addEventListener("pageshow", () => (isSent = false));
start().catch(console.error);
