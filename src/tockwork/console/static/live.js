// What arrives, while somebody looks: rows by cloning a template, texts by textContent alone.
(() => {
  const table = document.getElementById("live");
  const MOST = 200;
  const tones = {
    delivered: "bg-green-lt", pending: "bg-yellow-lt", undecided: "bg-yellow-lt",
    invalid: "bg-red-lt", rejected: "bg-red-lt", expired: "bg-red-lt",
  };
  const people = { user: "known", anonymous: "anonymous" };
  const body = document.getElementById("events");
  const template = document.getElementById("row");
  const nothing = document.getElementById("nothing");
  const leftOut = document.getElementById("left-out");
  const words = document.getElementById("state-words");
  const dot = document.getElementById("dot");
  const pause = document.getElementById("pause");
  const rows = new Map();
  let waiting = [];
  let news = new Map();
  let paused = false;
  let missing = 0;

  for (const row of body.querySelectorAll("tr[data-ref]")) rows.set(row.dataset.ref, row);

  const say = (text, tone) => {
    if (words.textContent !== text) words.textContent = text;
    dot.className = `status-dot me-2 bg-${tone}`;
  };
  const badge = (fate) => {
    const made = document.createElement("span");
    made.className = `badge ${tones[fate.status] ?? "bg-secondary-lt"} me-1 wrap`;
    made.textContent = `${fate.destination}: ${fate.status}`;
    made.title = fate.reason;
    return made;
  };
  const showFates = (row, fates) => {
    const seen = new Map(fates.map((fate) => [`${fate.destination} ${fate.status}`, fate]));
    row.querySelector('[data-part="fates"]').replaceChildren(...[...seen.values()].map(badge));
  };
  const made = (event) => {
    const row = template.content.cloneNode(true).querySelector("tr");
    const part = (name) => row.querySelector(`[data-part="${name}"]`);
    const at = new Date(event.at * 1000).toISOString();
    row.dataset.ref = event.ref;
    const time = row.querySelector("time");
    time.dateTime = at;
    time.title = at;
    time.textContent = `${at.slice(5, 10)} ${at.slice(11, 19)}`;
    part("name").href = `/live/${encodeURIComponent(event.ref)}`;
    part("name").textContent = event.name || event.type || "(no name)";
    part("type").textContent = event.type;
    part("source").textContent = event.source;
    part("person").textContent = people[event.person] ?? "–";
    return row;
  };
  const show = (event) => {
    let row = rows.get(event.ref);
    if (!row) {
      row = made(event);
      rows.set(event.ref, row);
      body.prepend(row);
      nothing.hidden = true;
    }
    showFates(row, event.fates);
  };
  const trim = () => {
    for (const row of [...body.querySelectorAll("tr[data-ref]")].slice(MOST)) {
      rows.delete(row.dataset.ref);
      row.remove();
    }
  };
  const tell = () => {
    pause.textContent = paused ? (waiting.length ? `Resume (${waiting.length} new)` : "Resume") : "Pause";
    leftOut.hidden = missing === 0;
    if (missing) leftOut.textContent = `${missing.toLocaleString("en")} events are not shown here: more arrive than anybody could read. A search finds them all.`;
  };
  const take = (batch) => {
    missing += batch.left_out;
    if (paused) {
      waiting.push(...batch.events);
      missing += Math.max(0, waiting.length - MOST);
      waiting = waiting.slice(-MOST);
      for (const [ref, fates] of Object.entries(batch.fates)) news.set(ref, fates);
    } else {
      for (const event of batch.events) show(event);
      for (const [ref, fates] of Object.entries(batch.fates)) if (rows.has(ref)) showFates(rows.get(ref), fates);
      trim();
    }
    tell();
  };

  const source = new EventSource(table.dataset.stream);
  const state = () => (paused ? say("Paused", "yellow") : say("Live", "green"));
  source.addEventListener("open", () => { pause.hidden = false; state(); });
  source.addEventListener("events", (message) => take(JSON.parse(message.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) say("Not live: reload the page", "red");
    else say("Reconnecting…", "yellow");
  });
  source.addEventListener("signed-out", () => { source.close(); location.assign("/sign-in"); });
  source.addEventListener("full", () => { source.close(); say("Too many are watching: try again later", "red"); });
  pause.addEventListener("click", () => {
    paused = !paused;
    if (!paused) {
      const held = { events: waiting, fates: Object.fromEntries(news), left_out: 0 };
      waiting = [];
      news = new Map();
      take(held);
    }
    state();
    tell();
  });
  window.addEventListener("pagehide", () => source.close());
})();
