// What all pages share: copy buttons, questions before what cannot be undone, the menu on small screens.
const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that came by http from another machine have no clipboard. The old way has no promise, but no such condition.
    const sheet = document.createElement("textarea");
    sheet.className = "visually-hidden";
    sheet.value = text;
    document.body.append(sheet);
    sheet.select();
    const done = document.execCommand("copy");
    sheet.remove();
    return done;
  }
};
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (!copy) return;
  const from = document.getElementById(copy.dataset.copy);
  const done = await copied(from.textContent);
  copy.focus();
  if (!done) {
    for (let outer = from; (outer = outer.parentElement?.closest("details")); ) outer.open = true;
    getSelection().selectAllChildren(from);
  }
  copy.dataset.words ??= copy.textContent;
  copy.textContent = done ? "Copied" : "Selected: press Ctrl+C or ⌘C";
  setTimeout(() => { copy.textContent = copy.dataset.words; }, done ? 1500 : 10000);
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
