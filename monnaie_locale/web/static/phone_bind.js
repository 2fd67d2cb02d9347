/* Make this browser a phone of the card: the key is made here, the PIN is typed here, the service keeps the public half. */

import { correctedOffset, makeKey, publicKeyOf, recall, remember } from "./phone_key.js";

const section = document.querySelector("#bind");
const form = document.querySelector("#bind-form");
const problem = document.querySelector("#bind-problem");
const button = form.querySelector("button");
const words = button.textContent;

function complain(sentence) {
  problem.textContent = sentence;
  problem.hidden = false;
}

/* A phone that was taken away may be bound again: only a phone of this list is shown as bound. */
async function show() {
  const own = await recall();
  const isListed = own && document.querySelector(`[data-phone="${own.id}"]`) !== null;
  document.querySelector("#bind-here").hidden = isListed;
  document.querySelector("#bound-here").hidden = !isListed;
  if (isListed) {
    const notice = document.querySelector("#bound-here p");
    notice.textContent = notice.textContent.replace("{number}", own.number);
  }
}

let pair = null;

async function bind() {
  // Asked again after a lost answer, the same key gives the same phone.
  pair ??= await makeKey();
  const body = new URLSearchParams(new FormData(form));
  body.set("key", await publicKeyOf(pair));
  const askedAt = Date.now();
  const response = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
  const answer = await response.json();
  if (!response.ok) return complain(answer.sentence);
  await remember({
    id: answer.id,
    number: answer.number,
    host: answer.host,
    key: pair.privateKey,
    offsetMs: correctedOffset(0, answer.now_ms, askedAt),
  });
  if (navigator.storage?.persist) await navigator.storage.persist();
  window.location.assign(section.dataset.screen);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.hidden = true;
  button.disabled = true;
  button.textContent = section.dataset.working;
  try {
    await bind();
  } catch (error) {
    complain(section.dataset.lost);
  }
  form.elements.pin.value = "";
  button.disabled = false;
  button.textContent = words;
});

if (window.isSecureContext && window.crypto?.subtle && window.indexedDB) {
  show().catch(() => complain(section.dataset.impossible));
} else {
  document.querySelector("#bind-here").hidden = false;
  form.hidden = true;
  complain(section.dataset.impossible);
}
