/* Who holds the till, and what it may take offline: asked of the service, remembered by the device for when it is away. */

import { ask, isLost } from "./till-api.js";

export const ASK_CASHIER = "/caisse/qui";
const REMEMBERED = "till-state";
// A till is opened anew for each payment, and should fetch nothing for it. Meanwhile the service itself refuses a payment
// while nobody holds the till.
const FRESH_MS = 2 * 60 * 1000;

/* Return what the service said last to this till; another till's state is not ours. */
function remembered(till) {
  try {
    const kept = JSON.parse(window.localStorage.getItem(REMEMBERED));
    return kept?.till === till ? kept : null;
  } catch (error) {
    return null;
  }
}

/* Take over the state of the till, first as remembered, then as the service says; ask who holds it when nobody does. */
export async function followShift(line, offline) {
  const { till } = offline.settings;
  const known = remembered(till);
  apply(line, offline, known);
  line.querySelector("a").addEventListener("click", (event) => change(event, line));
  const hasChanged = window.location.search !== ""; // just paired, or just taken by somebody
  if (known && !hasChanged && Math.abs(Date.now() - known.at) < FRESH_MS) return;
  const answer = await ask("GET", "/api/v1/tills/own-state");
  if (isLost(answer) || answer.status !== 200) return;
  // Not the names of all of them: the device keeps the one who holds it.
  const { asks_cashier, cashier, offline_caps } = answer.body;
  const state = { till, at: Date.now(), asks_cashier, cashier, offline_caps };
  try {
    window.localStorage.setItem(REMEMBERED, JSON.stringify(state));
  } catch (error) {
    console.warn(error);
  }
  if (state.asks_cashier && !state.cashier) return window.location.replace(ASK_CASHIER);
  apply(line, offline, state);
}

function apply(line, offline, state) {
  if (!state) return;
  const caps = state.offline_caps;
  offline.settings.caps = { payment: caps.payment_cents, card_day: caps.card_day_cents, till: caps.till_cents };
  offline.cashier = state.cashier;
  line.querySelector("strong").textContent = state.cashier?.name ?? "";
  line.hidden = !state.cashier;
}

/* A code is checked by the service alone: without network the till stays with whoever holds it. */
async function change(event, line) {
  event.preventDefault();
  if (isLost(await ask("GET", "/api/v1/tills/own-state"))) {
    line.querySelector("span").textContent = "Sans réseau, la caisse reste à cette personne.";
  } else window.location.assign(ASK_CASHIER);
}
