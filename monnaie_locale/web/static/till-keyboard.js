/* A USB scanner types and presses Enter: an address of ours that was typed is a scan, whatever field has the focus. */

const LENGTH_MAX = 300;

export function listenToUsbScanner(scanner) {
  let strokes = [];
  document.addEventListener("keydown", (event) => {
    const field = event.target instanceof HTMLInputElement ? event.target : null;
    if (event.key.length === 1) {
      strokes.push({ letter: event.key, field, before: field?.value });
      strokes = strokes.slice(-LENGTH_MAX);
    }
    if (event.key !== "Enter") return;
    const typed = strokes.map((stroke) => stroke.letter).join("").toUpperCase();
    const start = Math.max(...scanner.prefixes.map((prefix) => typed.lastIndexOf(prefix)));
    const first = strokes[start];
    strokes = [];
    if (start < 0) return;
    event.preventDefault();
    if (first.field) {
      first.field.value = first.before; // the field gets back what it held before the scanner typed
      first.field.blur(); // nobody types in it
    }
    scanner.stop();
    scanner.element.dispatchEvent(new CustomEvent("scan", { detail: { text: typed.slice(start) }, bubbles: true }));
  });
}
