/** The pixel's queue on the page: what TikTok's base code does, written anew. TikTok's script takes the queue over. */

export type Method = (...args: unknown[]) => unknown;
export type Ttq = any;

const URL = "https://analytics.tiktok.com/i18n/pixel/events.js";
const METHODS = (
  "page track identify instances debug on off once ready alias group enableCookie disableCookie holdConsent " +
  "revokeConsent grantConsent"
).split(" ");

export interface Options {
  limited_data_use?: true;
}

const page = window as any;

/** The pixel's object on the page, or what stands in its place. */
export const ttq = (): Ttq => page[page.TiktokAnalyticsObject || "ttq"];

/** Whether a pixel of this code is on the page already. */
export const isLoaded = (code: string): boolean => Boolean(ttq()?._i?.[code]);

/** Sets up the queue where the page has none. */
export function prepare(): void {
  const name = (page.TiktokAnalyticsObject = page.TiktokAnalyticsObject || "ttq");
  if (page[name]?.load) return; // base code of the page's own
  const queue: Ttq = (page[name] = page[name] || []);
  const deferring = (target: Ttq): Ttq => {
    for (const method of METHODS) target[method] = (...args: unknown[]) => void target.push([method, ...args]);
    return target;
  };
  queue.methods = METHODS;
  queue.setAndDefer = (target: Ttq, method: string) => {
    target[method] = (...args: unknown[]) => void target.push([method, ...args]);
  };
  deferring(queue);
  queue.instance = (code: string) => deferring((queue._i ?? {})[code] ?? []);
  queue.load = (code: string, options: Options = {}) => {
    queue._i = { ...queue._i, [code]: Object.assign([], { _u: URL }) };
    queue._t = { ...queue._t, [code]: Date.now() };
    queue._o = { ...queue._o, [code]: options };
    const insert = (): void => {
      const script = document.createElement("script");
      script.async = true;
      script.src = `${URL}?sdkid=${encodeURIComponent(code)}&lib=${name}`;
      document.head.appendChild(script);
    };
    // A script that is under way before the page's load event holds that event up.
    if (document.readyState === "complete") insert();
    else window.addEventListener("load", () => setTimeout(insert));
  };
}

/** TikTok's scripts on the page, however they came there. */
export const isTikToks = (script: unknown): boolean =>
  script instanceof HTMLScriptElement && /^https:\/\/analytics\.(us\.)?tiktok\.com\//.test(script.src);
