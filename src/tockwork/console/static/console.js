// What all pages share: copy buttons, questions before what cannot be undone, the menu on small screens.
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const from = copy.dataset.copy ? document.getElementById(copy.dataset.copy) : copy;
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    const before = copy.textContent;
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = before; }, 1500);
  }
});
document.addEventListener("click", (event) => {
  const menu = event.target.closest("[data-menu]");
  if (menu) {
    const shown = document.getElementById(menu.getAttribute("aria-controls")).classList.toggle("show");
    menu.setAttribute("aria-expanded", String(shown));
  }
  for (const open of document.querySelectorAll("details.menu[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest("details.menu[open]");
  if (open) { open.open = false; open.querySelector("summary").focus(); }
});
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
// Answers with problems (422) replace what they are about, as those of success do.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
// What scrolls by itself does so by keyboard too.
const reachable = () => {
  for (const each of document.querySelectorAll(".table-responsive, pre")) {
    const scrolls = each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight;
    if (scrolls) each.tabIndex = 0; else each.removeAttribute("tabindex");
  }
};
reachable();
addEventListener("load", reachable);
addEventListener("resize", reachable);
document.addEventListener("toggle", reachable, true);
document.addEventListener("htmx:afterSettle", reachable);
