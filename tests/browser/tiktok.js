// A stand-in for TikTok's events.js: takes the page's queue over, keeps what it is told, and posts as the pixel does.
(() => {
  const name = window.TiktokAnalyticsObject || "ttq";
  const queue = window[name];
  const endpoint = "https://analytics.tiktok.com/api/v2/pixel";
  const seen = (window.tiktok = { calls: [], posts: [] });
  const pixels = {};
  let people = {};
  let held = false;
  let waiting = [];

  const post = (code, event, properties, options) => {
    const body = { event, event_id: options?.event_id, context: { pixel: { code }, user: { ...people } }, properties };
    const send = () => {
      seen.posts.push(body);
      fetch(event === "Pageview" ? endpoint : `${endpoint}/act`, { method: "POST", body: JSON.stringify(body) });
    };
    if (held) waiting.push(send);
    else send();
  };
  const api = (codes) => ({
    page: () => codes().forEach((code) => post(code, "Pageview", {})),
    track: (event, properties, options) => codes().forEach((code) => post(code, event, properties, options)),
    identify: (person) => void Object.assign(people, person),
    holdConsent: () => void (held = true),
    grantConsent: () => {
      held = false;
      waiting.splice(0).forEach((send) => send());
    },
    revokeConsent: () => {
      held = true;
      waiting = [];
    },
    enableCookie: () => {},
    disableCookie: () => {},
  });
  const recorded = (target, code) =>
    Object.fromEntries(
      Object.entries(target).map(([method, run]) => [
        method,
        (...args) => {
          seen.calls.push([code, method, ...args]);
          return run(...args);
        },
      ]),
    );

  const real = recorded(api(() => Object.keys(pixels)), null);
  real.instance = (code) => (pixels[code] ??= recorded(api(() => [code]), code));
  real.instances = () => Object.values(pixels);
  real.load = () => {};
  real._i = pixels;
  seen.options = queue._o;
  seen.partner = queue._partner;
  const loaded = queue._i || {};
  for (const code of Object.keys(loaded)) pixels[code] = recorded(api(() => [code]), code);
  window[name] = real;
  for (const [method, ...args] of queue) real[method]?.(...args);
  for (const [code, calls] of Object.entries(loaded)) {
    for (const [method, ...args] of calls) pixels[code][method]?.(...args);
  }
})();
