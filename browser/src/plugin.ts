/** The TikTok Pixel as a plugin of analytics.js: a factory that analytics.js finds under the name below. */
import { outcomes, type Call, type Program } from "./calls";
import { agreed } from "./gate";
import { isLoaded, isTikToks, prepare, ttq, type Options, type Ttq } from "./queue";
import type { Members } from "./values";

/** What the server publishes of a destination, and what a page may put beside it in its integrations object. */
export interface Settings {
  pixelCode: string;
  ldu?: boolean;
  useExistingPixel?: boolean;
  partner_name?: string;
  program: Program;
  /** Hold the pixel's cookies and events until the page calls `ttq.grantConsent()`. */
  holdConsent?: boolean;
}

/** What happened on this page; `failed` counts calls that TikTok's script did not take, and its errors. */
export interface Counts {
  events: number;
  calls: number;
  filtered: number;
  suppressed: number;
  invalid: number;
  repeated: number;
  waiting: number;
  failed: number;
  script: "none" | "loading" | "loaded" | "failed";
}

interface Context {
  event: Members;
}

const NAME = "TikTok Pixel";
const PATIENCE_MS = 30_000;
const LOOK_MS = 100;
const MOST_WAITING = 200;

class Pixel {
  private readonly counts: Counts = {
    events: 0,
    calls: 0,
    filtered: 0,
    suppressed: 0,
    invalid: 0,
    repeated: 0,
    waiting: 0,
    failed: 0,
    script: "none",
  };
  private readonly waiting: Call[] = [];
  private readonly program: Program;
  /** The browser asks every page for privacy, and the destination heeds it. */
  private readonly isBarred: boolean;
  private started = false;
  private lastPage = "";

  constructor(private readonly settings: Settings) {
    this.program = settings.program;
    this.isBarred = this.program.blocked === true && asksForPrivacy();
    const page = window as any;
    (page.tockworkPixels ??= {})[settings.pixelCode] = this.counts;
  }

  /** Where a destination asks for consent, nothing of TikTok's is loaded before an event that carries it. */
  load(): void {
    window.addEventListener("error", (event) => this.heard(event), true);
    if (this.isBarred) return;
    document.addEventListener("load", (event) => isTikToks(event.target) && (this.counts.script = "loaded"), true);
    window.addEventListener("tockwork:consent", (event) => this.consented((event as CustomEvent).detail));
    if (this.program.consent?.missing !== "block") this.start();
  }

  /** Makes the calls of an event. Never throws, and waits for nothing. */
  take(event: Members): void {
    const { counts } = this;
    counts.events++;
    if (this.isBarred) {
      counts.suppressed++;
      return;
    }
    const plain = JSON.parse(JSON.stringify(event)) as Members;
    for (const { status, mapping, calls, notes } of outcomes(this.program, plain)) {
      for (const note of notes) console.debug(`${NAME}: ${mapping}: ${note}`);
      if (status !== "mapped") {
        counts[status]++;
        continue;
      }
      this.start();
      if (plain.type === "page" && calls.some(isPageView) && this.isRepeated(plain)) counts.repeated++;
      else calls.forEach((call) => this.call(call));
    }
  }

  private start(): void {
    if (this.started) return;
    this.started = true;
    this.guarded(() => {
      const { pixelCode, ldu, useExistingPixel, partner_name, holdConsent } = this.settings;
      if (useExistingPixel || isLoaded(pixelCode)) return;
      const limited = ldu || asksForPrivacy();
      const options: Options = limited ? { limited_data_use: true } : {};
      prepare();
      if (partner_name) ttq()._partner = partner_name;
      if (holdConsent) ttq().holdConsent();
      this.counts.script = "loading";
      ttq().load(pixelCode, options);
      if (this.program.page) ttq().page();
    });
  }

  private call(call: Call): void {
    const [method, ...args] = call;
    this.guarded(() => {
      if (!ttq() && this.settings.useExistingPixel) return this.wait(call);
      const answer = this.instance()[method](...args);
      this.counts.calls++;
      if (typeof answer?.then === "function") answer.then(undefined, () => this.counts.failed++);
      return undefined;
    });
  }

  private instance(): Ttq {
    return ttq().instance(this.settings.pixelCode);
  }

  /** Keeps a call until the page's own pixel is there, for as long as patience lasts. */
  private wait(call: Call): void {
    if (this.waiting.length >= MOST_WAITING) {
      this.counts.failed++;
      return;
    }
    this.waiting.push(call);
    this.counts.waiting = this.waiting.length;
    if (this.waiting.length > 1) return;
    const since = Date.now();
    const look = setInterval(() => {
      const isOver = Date.now() - since > PATIENCE_MS;
      if (!isOver && !isThere()) return;
      clearInterval(look);
      const calls = this.waiting.splice(0);
      this.counts.waiting = 0;
      if (isOver) this.counts.failed += calls.length;
      else calls.forEach((one) => this.call(one));
    }, LOOK_MS);
  }

  /** Whether a page view is told again without a change of page, as a snippet and a router together do. */
  private isRepeated({ category, name }: Members): boolean {
    const page = JSON.stringify([location.href, category, name]);
    const repeated = page === this.lastPage;
    this.lastPage = page;
    return repeated;
  }

  /** The visitor chose anew: the pixel is told, once it is there. */
  private consented(detail: { state?: string; preferences?: Members } | undefined): void {
    const { state, preferences } = detail ?? {};
    if (this.program.consent && state === "granted" && !preferences) return; // the events will tell
    const choice = { context: { consent: { categoryPreferences: preferences } } };
    const granted = state === "granted" && agreed(this.program, choice);
    if (!granted && !this.started) return;
    this.start();
    this.guarded(() => (granted ? ttq().grantConsent() : ttq().revokeConsent()));
  }

  /** What TikTok's script breaks is counted, and is no error of the page. */
  private heard(event: ErrorEvent | Event): void {
    const isOurs = event instanceof ErrorEvent ? isTikToks(document.currentScript) : isTikToks(event.target);
    if (!isOurs) return;
    this.counts.failed++;
    this.counts.script = "failed";
    event.preventDefault();
  }

  private guarded(work: () => unknown): void {
    try {
      work();
    } catch {
      this.counts.failed++;
    }
  }
}

const asksForPrivacy = (): boolean => (navigator as any).globalPrivacyControl === true;

const isThere = (): boolean => {
  try {
    return Boolean(ttq());
  } catch {
    return true; // a call finds out what is wrong with it, and is counted
  }
};

const isPageView = ([method, event]: Call): boolean => method === "track" && event === "Pageview";

/** The plugin for analytics.js. Each method takes the event's context and gives it back. */
export function factory(settings: Settings): Members {
  const pixel = new Pixel(settings);
  const take = (context: Context): Context => {
    try {
      pixel.take(context.event);
    } catch (error) {
      console.debug(`${NAME}: an event was left out`, error);
    }
    return context;
  };
  return {
    name: NAME,
    type: "destination",
    version: "1.0.0",
    isLoaded: () => true,
    load: async () => pixel.load(),
    track: take,
    page: take,
    identify: take,
    group: take,
    alias: take,
    screen: take,
  };
}

(window as any).tockworkTiktokPixel = factory;
