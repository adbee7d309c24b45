// For how long something has been so: <time data-since="Unix seconds">.
const clocks = document.querySelectorAll("[data-since]");
const part = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;
function told(seconds) {
  const days = Math.floor(seconds / 86400), rest = new Date((seconds % 86400) * 1000).toISOString().slice(11, 19);
  return days ? `${part(days, "day")} ${rest}` : rest;
}
function tick() {
  for (const clock of clocks) clock.textContent = told(Math.max(0, Math.floor(Date.now() / 1000 - Number(clock.dataset.since))));
}
tick();
setInterval(tick, 1000);
