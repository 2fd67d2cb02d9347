/* A receipt: printed at a press, found again by its code. Both pages work without this script. */

import { listenToUsbScanner } from "./till-keyboard.js";

const print = document.querySelector("#receipt-print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

const form = document.querySelector("#receipt-form");
if (form) {
  const scanner = document.querySelector(".scanner");
  scanner.addEventListener("scan", (event) => {
    form.elements.receipt.value = event.detail.text;
    form.requestSubmit();
  });
  if (scanner.scanner) listenToUsbScanner(scanner.scanner);
}
