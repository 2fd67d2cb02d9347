/* The phone's page: a code that changes every thirty seconds, with or without a network. */

import { codeAddress, correctedOffset, forget, makeCode, recall, remember } from "./phone_key.js";

const CHANGE_MS = 30_000;
const TICK_MS = 500;
const QUIET_ZONE = 4;
const SVG = "http://www.w3.org/2000/svg";

const page = document.querySelector("#phone");
const codeBox = document.querySelector("#phone-code");
const left = document.querySelector("#phone-left");
const offline = document.querySelector("#phone-offline");

let phone;
let encodeQR;
let code = "";
let drawnAt = 0;

function showSection(name) {
  for (const section of page.querySelectorAll("[data-when]")) section.hidden = section.dataset.when !== name;
}

/* Black on white whatever the theme: most readers refuse an inverted code. */
function picture(modules) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${modules.length} ${modules.length}`);
  drawing.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(SVG, "path");
  const dark = [];
  modules.forEach((row, y) => row.forEach((isDark, x) => isDark && dark.push(`M${x} ${y}h1v1h-1z`)));
  path.setAttribute("d", dark.join(""));
  drawing.append(path);
  return drawing;
}

async function draw() {
  drawnAt = performance.now();
  code = await makeCode(phone);
  const text = codeAddress(phone, code);
  codeBox.replaceChildren(picture(encodeQR(text, "raw", { ecc: "medium", border: QUIET_ZONE })));
}

function tick() {
  const age = performance.now() - drawnAt;
  if (age >= CHANGE_MS) draw();
  const seconds = Math.max(0, Math.ceil((CHANGE_MS - age) / 1000));
  left.textContent = page.dataset.changes.replace("{seconds}", seconds);
}

/* Ask the service whether this phone still pays, and what time it is there; without an answer the code still shows. */
async function ask() {
  try {
    const body = new URLSearchParams({ code: await makeCode(phone) });
    const askedAt = Date.now();
    const response = await fetch(page.dataset.stateAddress, { method: "POST", body, cache: "no-store" });
    const answer = await response.json();
    offline.hidden = true;
    if (answer.state === "phone_refused") return showSection("removed");
    phone.offsetMs = correctedOffset(phone.offsetMs, answer.now_ms, askedAt);
    await remember(phone);
  } catch (error) {
    offline.hidden = false;
  }
}

async function keepAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch (error) {
    console.info("the screen may go dark", error); // refused on a low battery
  }
}

/* A shop's code leads to a page of ours, by its path alone: the address that was read is never opened. */
function openShopCode(text) {
  const parts = text.split("/").slice(3);
  window.location.assign(`/${parts.map(encodeURIComponent).join("/")}`);
}

async function start() {
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register(page.dataset.worker, { scope: page.dataset.scope }).catch(console.warn);
  }
  phone = await recall();
  if (!phone) return showSection("unbound");
  ({ encodeQR } = await import(`${page.dataset.encoder}index.js`));
  await draw();
  showSection("ready");
  window.setInterval(tick, TICK_MS);
  tick();
  await ask();
  // With the service's time a code drawn by a wrong clock is replaced.
  await draw();
  await keepAwake();
}

window.addEventListener("online", () => phone && ask());
window.addEventListener("offline", () => (offline.hidden = false));
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !encodeQR) return;
  draw();
  keepAwake();
});
document.querySelector("#phone-another").addEventListener("click", draw);
document.querySelector("#phone-money").addEventListener("click", async () => {
  window.location.assign(`/T/${await makeCode(phone)}`);
});
document.querySelector("#phone-forget").addEventListener("click", async () => {
  await forget();
  showSection("unbound");
});
page.addEventListener("scan", (event) => openShopCode(event.detail.text));

start().catch((error) => {
  console.error(error);
  showSection("broken");
});
