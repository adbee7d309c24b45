// A stand-in for TikTok's events.js: takes the page's queue over, records the calls, hashes what tells who the person
// is, and posts to where it came from. Needs a secure context (https, or this machine) to hash.
(() => {
  const here = new URL(document.currentScript.src);
  const name = here.searchParams.get("lib") || window.TiktokAnalyticsObject || "ttq";
  const queue = window[name] || [];
  const seen = (window.tiktok = { calls: [], posts: [] });
  const HASHED = ["email", "phone_number", "external_id", "first_name", "last_name", "zip_code"];
  const THIRTEEN_MONTHS_S = 395 * 86400;
  const pixels = {};
  const options = { ...queue._o };
  const person = {};
  let cookies = true;
  let held = false;
  let waiting = [];

  const cookie = (key) => RegExp(`(?:^|; )${key}=([^;]+)`).exec(document.cookie)?.[1];
  const keep = (key, value) => {
    document.cookie = `${key}=${value}; path=/; max-age=${THIRTEEN_MONTHS_S}; samesite=lax`;
  };
  const clickIn = (address) => {
    const url = address && new URL(address);
    return url && url.hostname === location.hostname ? url.searchParams.get("ttclid") : null;
  };
  const click = () => clickIn(location.href) || clickIn(document.referrer) || cookie("ttclid");
  const remember = () => {
    if (!cookies || held) return;
    if (!cookie("_ttp")) keep("_ttp", `${crypto.randomUUID?.().replaceAll("-", "").slice(0, 27) ?? "stand-in"}`);
    const clicked = click();
    if (clicked) keep("ttclid", clicked);
  };

  const hashed = async (text) => {
    const plain = String(text).trim().toLowerCase();
    if (/^[0-9a-f]{64}$/.test(plain)) return plain;
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(plain));
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const known = async (values) => {
    const user = {};
    for (const [key, value] of values) {
      const text = await value.catch(() => "");
      if (text) user[key] = text;
    }
    return user;
  };

  const post = (code, event, properties, { event_id } = {}) => {
    const values = Object.entries(person);
    const page = { url: location.href, ...(document.referrer && { referrer: document.referrer }) };
    const send = async () => {
      remember();
      const user = { ...(await known(values)), ttp: cookie("_ttp"), locale: navigator.language };
      const context = { pixel: { code }, page, user, ad: { callback: click() || undefined } };
      const limited = options[code]?.limited_data_use ? { limited_data_use: true } : {};
      const body = { event, event_id, timestamp: new Date().toISOString(), ...limited, context, properties };
      seen.posts.push(body);
      const path = event === "Pageview" ? "/api/v2/pixel" : "/api/v2/pixel/act";
      const sent = { method: "POST", body: JSON.stringify(body), keepalive: true, mode: "no-cors", credentials: "omit" };
      await fetch(here.origin + path, sent).catch(() => {});
    };
    if (held) waiting.push(send);
    else send();
  };

  const api = (codes) => ({
    page: () => codes().forEach((code) => post(code, "Pageview", {})),
    track: (event, properties = {}, named = {}) => codes().forEach((code) => post(code, event, properties, named)),
    identify: (values) => {
      for (const [key, value] of Object.entries(values || {})) {
        if (value) person[key] = HASHED.includes(key) ? hashed(value) : Promise.resolve(String(value));
      }
    },
    holdConsent: () => void (held = true),
    grantConsent: () => {
      held = false;
      remember();
      waiting.splice(0).forEach((send) => send());
    },
    revokeConsent: () => {
      held = true;
      waiting = [];
    },
    enableCookie: () => void (cookies = true),
    disableCookie: () => void (cookies = false),
    ready: (work) => void work?.(),
    ...Object.fromEntries(["debug", "on", "off", "once", "alias", "group"].map((method) => [method, () => {}])),
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
  const pixel = (code) => (pixels[code] ??= recorded(api(() => [code]), code));

  const all = recorded(api(() => Object.keys(pixels)), null);
  all.instance = pixel;
  all.instances = () => Object.values(pixels);
  all.load = (code, chosen = {}) => {
    options[code] = chosen;
    pixel(code);
  };
  all._i = pixels;
  const loaded = queue._i || {};
  Object.keys(loaded).forEach(pixel);
  window.TiktokAnalyticsObject = name;
  window[name] = all;
  for (const [method, ...args] of queue) all[method]?.(...args);
  for (const [code, calls] of Object.entries(loaded)) {
    for (const [method, ...args] of calls) pixels[code][method]?.(...args);
  }
})();
