// One tick for all letters of the page.
const all = document.querySelector("[data-all]");
if (all) {
  const own = [...document.querySelectorAll("input[name='ref']")];
  all.hidden = false;
  all.addEventListener("change", () => own.forEach((box) => { box.checked = all.checked; }));
  own.forEach((box) => box.addEventListener("change", () => { all.checked = own.every((each) => each.checked); }));
}
