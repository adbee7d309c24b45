import { beforeEach, describe, expect, it, vi } from "vitest";

const BASE = "https://events.shop.example";

interface Page {
  src?: string;
  data?: Record<string, string>;
  href?: string;
  referrer?: string;
  cookie?: string;
  analytics?: unknown;
}
type Claim = Record<string, unknown>;

/** What a page sees of the loader: the queue, the scripts it adds, what it posts and tells. */
class Shop {
  win: any = { dispatchEvent: (event: CustomEvent) => this.told.push(event.detail) };
  scripts: any[] = [];
  claims: Claim[] = [];
  told: any[] = [];
  storage: Record<string, string> = {};
  document: any;

  async open(page: Page = {}): Promise<this> {
    const script = { src: page.src ?? `${BASE}/tockwork.js`, dataset: page.data ?? { writeKey: "wk" } };
    const head = { appendChild: (added: unknown) => this.scripts.push(added) };
    const querySelector = (asked: string) => (asked.startsWith("script") ? script : null);
    const url = new URL(page.href ?? "https://www.shop.example/shoes?size=9");
    this.win.analytics = page.analytics;
    this.document = {
      currentScript: script,
      querySelector,
      head,
      title: "Shoes",
      referrer: page.referrer ?? "",
      cookie: page.cookie ?? "",
      createElement: () => ({}),
    };
    vi.stubGlobal("ANALYTICS_PATH", "/lib.js");
    vi.stubGlobal("window", this.win);
    vi.stubGlobal("document", this.document);
    vi.stubGlobal("location", url);
    vi.stubGlobal("sessionStorage", this.storage);
    vi.stubGlobal("fetch", (address: string, { body }: { body: string }) => {
      expect(address).toBe(`${BASE}/v1/identity`);
      this.claims.push(JSON.parse(body));
      return Promise.reject(new Error("offline"));
    });
    vi.resetModules();
    await import("../src/loader");
    return this;
  }

  get calls(): string[] {
    return this.win.analytics.map((call: unknown[]) => call[0]);
  }

  /** The event as the loader's middleware passes it on; undefined where it does not. */
  passed(event: Claim): Claim | undefined {
    const [, middleware] = this.win.analytics.find((call: unknown[]) => call[0] == "addSourceMiddleware");
    let found: Claim | undefined;
    middleware({ payload: { obj: event }, next: (payload: { obj: Claim }) => (found = payload.obj) });
    return found;
  }
}

let shop: Shop;
beforeEach(() => {
  vi.unstubAllGlobals();
  shop = new Shop();
});

describe("the tag", () => {
  it("loads analytics.js from where it came, and counts a page view", async () => {
    await shop.open();
    expect(shop.scripts.map((script) => script.src)).toEqual([`${BASE}/lib.js`]);
    expect(shop.calls).toEqual(["addSourceMiddleware", "page"]);
    expect(shop.win.analytics._cdn).toBe(BASE);
  });

  it("may be below a path", async () => {
    await shop.open({ src: "https://shop.example/t/tockwork.js?v=1" });
    expect(shop.scripts[0].src).toBe("https://shop.example/t/lib.js");
  });

  it("hands its queue's page over with the calls that send", async () => {
    await shop.open({ data: { writeKey: "wk", page: "off" } });
    shop.win.analytics.track("Ping", { a: 1 });
    shop.win.analytics.ready("callback");
    const [, track, ready] = shop.win.analytics;
    const page = { __t: "bpc", p: "/shoes", u: "https://www.shop.example/shoes?size=9", s: "?size=9", t: "Shoes", r: "" };
    expect(track).toEqual(["track", "Ping", { a: 1 }, { ...page, c: undefined }]);
    expect(ready).toEqual(["ready", "callback"]);
  });

  it("gives calls to analytics.js once that is there, with its options", async () => {
    await shop.open();
    const queue = shop.win.analytics;
    const loaded = { track: vi.fn(() => "promise") };
    const load = vi.fn((..._: unknown[]) => Promise.resolve([loaded]));
    shop.win.AnalyticsNext = { AnalyticsBrowser: { load } };
    shop.scripts[0].onload();
    await Promise.resolve();
    expect(load).toHaveBeenCalledWith(
      { writeKey: "wk", cdnURL: BASE },
      { integrations: { "Segment.io": { apiHost: "events.shop.example/v1", protocol: "https" } } },
    );
    expect(shop.win.analytics).toBe(loaded);
    expect(queue.track("Ping")).toBe("promise");
  });

  it.each([{ initialized: true }, { initialized: false }])("leaves an analytics.js that is there alone", async (there) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await shop.open({ analytics: there });
    expect(shop.scripts).toEqual([]);
    expect(shop.win.tockwork).toBeUndefined();
    expect(warn).toHaveBeenCalledOnce();
  });

  it("says when its write key is missing", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    await shop.open({ data: {} });
    expect(error.mock.calls).toEqual([["Tockwork: expected data-write-key on the script tag"]]);
    expect(shop.scripts).toEqual([]);
  });
});

describe("the snippet", () => {
  it("has its own queue, options and page view", async () => {
    const integrations = { "Segment.io": { deliveryStrategy: "x" }, Other: false };
    const queue = Object.assign([["page"]], { _loadOptions: { obfuscate: true, integrations } });
    await shop.open({ src: `${BASE}/analytics.js/v1/wk-path/analytics.min.js`, data: {}, analytics: queue });
    expect(shop.calls).toEqual(["addSourceMiddleware", "page"]);
    const load = vi.fn((..._: unknown[]) => Promise.resolve([{}]));
    shop.win.AnalyticsNext = { AnalyticsBrowser: { load } };
    shop.scripts[0].onload();
    const api = { apiHost: "events.shop.example/v1", protocol: "https", deliveryStrategy: "x" };
    expect(load).toHaveBeenCalledWith(
      { writeKey: "wk-path", cdnURL: BASE },
      { obfuscate: true, integrations: { "Segment.io": api, Other: false } },
    );
  });
});

describe("TikTok's ids", () => {
  it("come from the address, and are kept once", async () => {
    await shop.open({ href: "https://www.shop.example/?ttclid=C.1", cookie: "a=b; ttclid=old; _ttp=T.1" });
    expect(shop.claims).toEqual([{ writeKey: "wk", ttclid: "C.1", ttp: "T.1" }]);
    shop.win.tockwork.consent.grant();
    expect(shop.claims.length).toBe(1);
    expect(shop.passed({ type: "track" })).toEqual({ type: "track", properties: { ttclid: "C.1", ttp: "T.1" } });
  });

  it.each([
    ["https://www.shop.example/landing?ttclid=C.2", "C.2"],
    ["https://other.example/landing?ttclid=C.2", undefined],
    ["not an address", undefined],
  ])("come from a referrer of the same host: %s", async (referrer, ttclid) => {
    await shop.open({ referrer });
    expect(shop.claims).toEqual(ttclid ? [{ writeKey: "wk", ttclid }] : []);
  });

  it("of a cookie travel, but are not kept anew: a click ages", async () => {
    await shop.open({ cookie: "xttclid=no; ttclid=C.3" });
    expect(shop.claims).toEqual([]);
    expect(shop.passed({ type: "page", properties: { a: 1 } })?.properties).toEqual({ ttclid: "C.3", a: 1 });
  });

  it("are seen as soon as the Pixel has set its cookie", async () => {
    await shop.open();
    shop.document.cookie = "_ttp=T.2";
    expect(shop.passed({ type: "track" })?.properties).toEqual({ ttp: "T.2" });
  });

  it.each(["identify", "group", "alias"])("are not given to %s, which has no properties", async (type) => {
    await shop.open({ cookie: "ttclid=C.4" });
    expect(shop.passed({ type })).toEqual({ type });
  });

  it("never take the place of the event's own", async () => {
    await shop.open({ cookie: "ttclid=C.5; _ttp=T" });
    expect(shop.passed({ type: "track", properties: { ttclid: "own" } })?.properties).toEqual({ ttclid: "own", ttp: "T" });
  });

  it("are kept on every page where the browser has no storage", async () => {
    Object.defineProperty(shop, "storage", {
      value: new Proxy({}, { get: () => { throw new Error("denied"); }, set: () => { throw new Error("denied"); } }),
    });
    await shop.open({ cookie: "_ttp=T.3" });
    expect(shop.claims).toEqual([{ writeKey: "wk", ttp: "T.3" }]);
  });
});

describe("consent", () => {
  const held = { writeKey: "wk", consent: "hold" };
  const click = "https://www.shop.example/?ttclid=C.6";

  it("is waited for", async () => {
    await shop.open({ data: held, href: click });
    shop.win.analytics.track("Ping");
    expect([shop.scripts, shop.claims, shop.storage]).toEqual([[], [], {}]);
    expect(shop.win.tockwork.consent.state).toBe("held");
    shop.win.tockwork.consent.grant({ Ads: true });
    expect(shop.scripts.length).toBe(1);
    expect(shop.claims).toEqual([{ writeKey: "wk", ttclid: "C.6" }]);
    expect(shop.calls).toEqual(["addSourceMiddleware", "page", "track"]);
    expect(shop.told).toEqual([{ state: "granted", preferences: { Ads: true } }]);
  });

  it("travels with each event; what a consent tool wrote there wins", async () => {
    await shop.open({ data: held });
    shop.win.tockwork.consent.grant({ Ads: true });
    expect(shop.passed({ type: "identify" })?.context).toEqual({ consent: { categoryPreferences: { Ads: true } } });
    const own = { consent: { categoryPreferences: { Ads: false } }, locale: "de" };
    expect(shop.passed({ type: "identify", context: own })?.context).toEqual(own);
  });

  it.each([
    [{ Ads: true }, true],
    [{ Ads: false }, false],
    [{ Other: true }, false],
    [undefined, true],
  ])("by category decides about the ids: %o", async (choices, kept) => {
    await shop.open({ data: { ...held, consentCategory: "Ads" }, href: click });
    shop.win.tockwork.consent.grant(choices);
    expect(shop.claims.length == 1).toBe(kept);
    expect("ttclid" in (shop.passed({ type: "track" })!.properties as Claim)).toBe(kept);
  });

  it("that a consent tool denies in the event counts too", async () => {
    await shop.open({ data: { writeKey: "wk", consentCategory: "Ads" }, href: click });
    const context = { consent: { categoryPreferences: { Ads: false } } };
    expect(shop.passed({ type: "track", context })?.properties).toEqual({});
  });

  it("may be taken back, and given again", async () => {
    await shop.open({ href: click });
    shop.win.analytics.ready("callback");
    shop.win.tockwork.consent.revoke();
    shop.win.analytics.track("Secret");
    expect(shop.calls).toEqual(["addSourceMiddleware", "ready"]);
    expect(shop.passed({ type: "track" })).toBeUndefined();
    expect(shop.claims[1]).toEqual({ writeKey: "wk", forget: true });
    shop.win.tockwork.consent.grant();
    expect(shop.passed({ type: "track" })).toBeDefined();
    expect(shop.claims[2]).toEqual({ writeKey: "wk", ttclid: "C.6" });
    expect(shop.told.map((change) => change.state)).toEqual(["revoked", "granted"]);
    expect(shop.scripts.length).toBe(1);
  });
});
