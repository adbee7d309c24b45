// The script that a shop's page loads: sets up `analytics`, loads analytics.js from the same host, and keeps TikTok's ids.
// Also served where Segment's snippet looks for analytics.js: there the page has set up `analytics` itself.

/** Where the server has analytics.js, below its own address. */
declare const ANALYTICS_PATH: string;

type Obj = Record<string, any>;
type Step = { payload: { obj: Obj }; next: (payload?: unknown) => void };
type State = "held" | "granted" | "revoked";

/** Calls that send an event: analytics.js wants to know the page as it was when they were made. */
const SENDING = ["track", "page", "screen", "identify", "group", "alias"];
const OTHERS =
  "trackSubmit trackClick trackLink trackForm pageview reset ready debug once off on register deregister user " +
  "setAnonymousId addSourceMiddleware addIntegrationMiddleware addDestinationMiddleware";
/** Of those that send, the ones whose events have properties. */
const WITH_PROPERTIES = SENDING.slice(0, 3);
const OURS = "script[src*='/tockwork.js'],script[src*='/analytics.js/v1/']";
const ADDRESS = /^(.+?)\/(?:tockwork\.js|analytics\.js\/v1\/([^/]+)\/)/;
const KEPT = "tockwork:";

const win = window as any;
const doc = document;

const main = (): void => {
  const script = (doc.currentScript || doc.querySelector(OURS)) as HTMLScriptElement;
  const [, base = "", keyInPath] = ADDRESS.exec(script.src) || [];
  const data = script.dataset;
  const writeKey = keyInPath || data.writeKey;
  if (win.tockwork || win.analytics?.initialized !== undefined) {
    return console.warn("Tockwork: analytics.js is on this page already");
  }
  if (!writeKey) return console.error("Tockwork: expected data-write-key on the script tag");

  const queue = (win.analytics = win.analytics || []);
  let state: State = data.consent == "hold" ? "held" : "granted";
  let preferences: Obj | undefined;
  let started = false;

  const clickIn = (address: string): string | null | undefined => {
    try {
      const url = new URL(address);
      if (url.hostname == location.hostname) return url.searchParams.get("ttclid");
    } catch {}
    return undefined;
  };
  const cookie = (name: string): string | undefined => RegExp(`(?:^|; )${name}=([^;]+)`).exec(doc.cookie)?.[1];
  const click = clickIn(location.href) || clickIn(doc.referrer);

  /** TikTok's ids of this visitor, as far as they are known. A click in the address is newer than the cookie's. */
  const ids = (chosen = preferences): Obj => {
    const found: Obj = {};
    if (chosen && data.consentCategory && !chosen[data.consentCategory]) return found;
    const ttclid = click || cookie("ttclid");
    const ttp = cookie("_ttp");
    if (ttclid) found.ttclid = ttclid;
    if (ttp) found.ttp = ttp;
    return found;
  };

  const post = (claim: Obj): void => {
    const body = JSON.stringify({ writeKey, ...claim });
    // Without it the shop works as before, so that nothing is said of a failure.
    fetch(`${base}/v1/identity`, { method: "POST", credentials: "include", keepalive: true, body }).catch(() => {});
  };

  /** Has the server keep the ids, once for each visit. A click's time of life starts with the click alone. */
  const keep = (): void => {
    const { ttclid, ttp } = ids();
    const claim: Obj = {};
    for (const [name, value] of Object.entries({ ttclid: click && ttclid, ttp })) {
      try {
        if (!value || sessionStorage[KEPT + name] == value) continue;
        sessionStorage[KEPT + name] = value;
      } catch {} // a browser that keeps nothing: then once for each page
      claim[name] = value;
    }
    if (claim.ttclid || claim.ttp) post(claim);
  };

  const enrich = ({ payload, next }: Step): void => {
    if (state == "revoked") return;
    const event = payload.obj;
    const consent = { ...(preferences && { categoryPreferences: preferences }), ...event.context?.consent };
    if (preferences) event.context = { ...event.context, consent };
    if (WITH_PROPERTIES.includes(event.type)) {
      event.properties = { ...ids(consent.categoryPreferences), ...event.properties };
    }
    next(payload);
  };

  const start = (): void => {
    keep();
    if (started) return;
    started = true;
    queue._cdn = base;
    queue._writeKey = writeKey;
    queue.unshift(["addSourceMiddleware", enrich]);
    const options = queue._loadOptions || {};
    const [protocol, host] = base.split("://");
    const sender = { apiHost: `${host}/v1`, protocol, ...options.integrations?.["Segment.io"] };
    const integrations = { ...options.integrations, "Segment.io": sender };
    const library = doc.createElement("script");
    library.async = true;
    library.onload = () => {
      win.AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL: base }, { ...options, integrations }).then(
        ([loaded]: [unknown]) => (win.analytics = loaded),
        () => {}, // analytics.js has said what failed
      );
    };
    library.src = base + ANALYTICS_PATH;
    doc.head.appendChild(library);
  };

  const become = (next: State): void => {
    state = next;
    win.dispatchEvent(new CustomEvent("tockwork:consent", { detail: { state, preferences } }));
  };

  if (!keyInPath) {
    for (const method of [...SENDING, ...OTHERS.split(" ")]) {
      queue[method] = (...args: unknown[]) => {
        if (win.analytics != queue) return win.analytics[method](...args);
        if (SENDING.includes(method)) {
          if (state == "revoked") return queue;
          const c = doc.querySelector("link[rel='canonical']")?.getAttribute("href") || undefined;
          const { pathname: p, href: u, search: s } = location;
          args.push({ __t: "bpc", c, p, u, s, t: doc.title, r: doc.referrer });
        }
        queue.push([method, ...args]);
        return queue;
      };
    }
    if (data.page != "off") queue.page();
  }

  win.tockwork = {
    consent: {
      get state() {
        return state;
      },
      /** `given`: the visitor's choices by category, which the events then carry. */
      grant(given?: Obj) {
        preferences = given || preferences;
        become("granted");
        start();
      },
      /** Sends no more events, forgets those that wait, and has the ids' cookies removed. */
      revoke() {
        for (let place = queue.length; place--; ) if (SENDING.includes(queue[place][0])) queue.splice(place, 1);
        become("revoked");
        try {
          for (const name of ["ttclid", "ttp"]) delete sessionStorage[KEPT + name];
        } catch {}
        post({ forget: true });
      },
    },
  };
  if (state == "granted") start();
};

main();

export {};
