/* A payment whose answer was lost: it is asked for until the service says "paid" or "never". The till never guesses.
 *
 * The key is on disk before the payment leaves, so this goes on after a closed tab, a closed lid or a dead battery.
 */

import { alone, ask, isLost, shownEuros, shownTime, sleep } from "./till-api.js";
import { forget, put, recall, recallAll } from "./till-memory.js";

const CHECK_INTERVAL_MS = 2000;
const CHECK_INTERVAL_MAX_MS = 15000;

/* How each kind of movement is called, and how it ends; a doubt without a kind is of a charge. */
export const WORDS = {
  charge: { what: "Encaissement", done: "payé", notDone: "Non payé : rien n’a été encaissé." },
  refund: { what: "Remboursement", done: "remboursé", notDone: "Non remboursé : rien n’a été rendu." },
  shop: { what: "Paiement à un commerce", done: "payé", notDone: "Non payé : rien n’a été versé." },
};

/* Send a payment under a key that is already on disk; `work` gets the answer while no other tab asks about the key. */
export function payOnce(doubt, body, work, address = "/api/v1/charges") {
  return alone(`charge:${doubt.key}`, async () => {
    await put("doubts", doubt);
    const answer = await ask("POST", address, { key: doubt.key, body });
    if (!isLost(answer)) await forget("doubts", doubt.key);
    return work(answer);
  });
}

/* Ask until it is known; `goes()` ends the asking. Gives { state, receipt }, { problem }, or null when ended.
 *
 * Looking changes nothing. Only when the service is there and has posted nothing is the key given up: from then on
 * `doubt.asked` says that this payment can no longer be taken offline under the same key.
 */
export async function resolveDoubt(doubt, goes = () => true) {
  let pause = CHECK_INTERVAL_MS;
  while (goes()) {
    await sleep(pause);
    pause = Math.min(pause * 1.5, CHECK_INTERVAL_MAX_MS);
    const seen = await ask("GET", `/api/v1/charges/by-key/${encodeURIComponent(doubt.key)}`);
    if (isLost(seen) || !goes()) continue;
    if (seen.status === 200) return ended(doubt, { state: "paid", receipt: seen.body });
    if (seen.status !== 404) return { problem: seen.body }; // unpaired: what is on disk waits for the next pairing
    doubt.asked = true;
    const answer = await ask("POST", "/api/v1/charges/resolve", { key: doubt.key });
    if (isLost(answer)) continue;
    if (answer.status !== 200) return { problem: answer.body };
    return ended(doubt, answer.body);
  }
  return null;
}

async function ended(doubt, outcome) {
  await forget("doubts", doubt.key);
  return outcome;
}

/* Take up what an earlier page left open; each line ends by itself in "paid" or "not paid". */
export async function takeUpDoubts(list) {
  for (const doubt of await recallAll("doubts")) takeUp(list, doubt);
}

async function takeUp(list, doubt) {
  const { key, kind = "charge", amount_cents: cents, at } = doubt;
  const words = WORDS[kind];
  const line = document.createElement("li");
  const text = document.createElement("span");
  const what = `${words.what} de ${shownEuros(cents)} commencé à ${shownTime(at)}`;
  text.textContent = `${what} : réponse non reçue, vérification en cours.`;
  line.append(text);
  await alone(`charge:${key}`, async () => {
    if (!(await recall("doubts", key))) return; // another tab knows
    list.append(line);
    list.hidden = false;
    const found = await resolveDoubt(doubt);
    if (found.problem) text.textContent = `${what} : ${found.problem.title}`;
    else if (found.state === "paid") text.textContent = `${what} : ${words.done}, écriture n° ${found.receipt.number}.`;
    else text.textContent = `${what}. ${words.notDone}`;
    line.append(dismissal(() => line.remove()));
  });
}

export function dismissal(done) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-quiet";
  button.textContent = "Compris";
  button.addEventListener("click", done);
  return button;
}
