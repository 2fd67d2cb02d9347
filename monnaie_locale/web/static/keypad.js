/* The keypad on the screen of the desk, for a tablet: it types into the field that was last touched, and goes to the
 * next one when four digits are there. Without this script the fields take a keyboard. */

const form = document.querySelector(".keypad-form");
const fields = [...form.querySelectorAll('input[type="password"]')];
const keypad = form.querySelector(".keypad");
let current = fields[0];

function show(field) {
  current = field;
  for (const each of fields) each.classList.toggle("keypad-current", each === current);
}

keypad.addEventListener("click", (event) => {
  const key = event.target.closest("button");
  if (!key) return;
  if ("erase" in key.dataset) {
    if (!current.value && current !== fields[0]) show(fields[fields.indexOf(current) - 1]);
    current.value = current.value.slice(0, -1);
    return;
  }
  if (current.value.length >= current.maxLength) return;
  current.value += key.dataset.digit;
  const next = fields[fields.indexOf(current) + 1];
  if (current.value.length === current.maxLength && next) show(next);
});

for (const field of fields) field.addEventListener("focus", () => show(field));
keypad.hidden = false;
// Who began on the keyboard before this script came goes on where it is.
show(fields.find((field) => field === document.activeElement) ?? current);
