/** A person's match keys, normalised as the server does before it hashes them; the pixel hashes on its own side. */
import { isBroken, type Members, type Value } from "./values";

/** What the server knows of the default region's phone numbers. */
export interface Dialling {
  code: string;
  trunk: string;
  abroad: string;
  lengths: number[];
}

export interface Facts {
  dialling: Dialling;
  placeholders: string[];
  worthless: string[];
  countries: string;
}

// What Python's str.strip() takes for space, which is not quite what trim() takes.
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const AROUND = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "g");
const WITHIN = new RegExp(`[${SPACE}]+`, "g");
const NAME = `[^${SPACE}@()<>[\\]:;,\\\\"`;
const EMAIL = new RegExp(`^${NAME}]+@${NAME}.]+(\\.${NAME}.]+)+$`);

const strip = (value: string): string => value.replace(AROUND, "");
const small = (value: string): string => strip(value).toLowerCase();

/** Whether a value is blank, or what a program writes where it has none. */
export const isPlaceholder = (value: string, facts: Facts): boolean => {
  const text = small(value);
  return !text || facts.placeholders.includes(text);
};

type Normal = (value: string, facts: Facts, found: Members) => string | undefined;

const givenHash = (text: string, facts: Facts): string | undefined =>
  /^[0-9a-f]{64}$/.test(text) && !facts.worthless.includes(text) ? text : undefined;

const isHash = (text: string): boolean => /^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

const email: Normal = (value, facts) => {
  const text = small(value);
  return EMAIL.test(text) ? text : givenHash(text, facts);
};

const externalId: Normal = (value, facts) => {
  const text = small(value);
  if (/^[0-9a-f]{64}$/.test(text)) return givenHash(text, facts);
  return isPlaceholder(text, facts) ? undefined : text;
};

/** Letters, marks and digits of any script, in small letters; "" when no letter or digit is left. */
const bare = (value: string): string => {
  const kept = value
    .normalize("NFC")
    .replace(/[^\p{L}\p{N}\p{Mn}\p{Mc}]|[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu, "");
  return /[\p{L}\p{N}]/u.test(kept) ? kept.toLowerCase().normalize("NFC") : "";
};

const word = (text: string, facts: Facts): string | undefined =>
  text && !facts.placeholders.some((placeholder) => bare(placeholder) === text) ? text : undefined;

const name: Normal = (value, facts) => {
  const text = word(bare(value), facts);
  return text && isHash(text) ? givenHash(text, facts) : text;
};

const city: Normal = (value, facts) => {
  const text = word(bare(value), facts);
  return text && isHash(text) ? undefined : text;
};

const country: Normal = (value, { countries }) => {
  const text = small(value);
  return text.length === 2 && countries.indexOf(text) >= 0 && codes(countries).includes(text) ? text : undefined;
};

const codes = (countries: string): string[] => countries.match(/../g) ?? [];

const zip: Normal = (value, facts, found) => {
  let text = value.toLowerCase();
  if (!/^[a-z0-9]+$/.test(text)) {
    text = text.replace(WITHIN, "").replace(/[-\u2010-\u2015\u2212\uff0d\u30fc]/g, "");
    if (!/[\p{L}\p{N}]/u.test(text)) return undefined;
  }
  const nothing = facts.placeholders.some((one) => one.replace(WITHIN, "") === text || bare(one) === text);
  if (nothing) return undefined;
  const american = found.country === "us" || (!found.country && /^\p{Nd}{9}$/u.test(text));
  if (american && text.length < 32 && /^\p{Nd}{1,5}$/u.test(text.slice(0, 5))) text = text.slice(0, 5);
  return isHash(text) ? givenHash(text, facts) : text;
};

const phone: Normal = (value, facts) => e164(value, facts.dialling) ?? givenHash(small(value), facts);

/** A number in E.164, as far as that is certain. */
export function e164(text: string, { code, trunk, abroad, lengths }: Dialling): string | undefined {
  const digits = text.trim().replace(/[ .()-]/g, "");
  const fits = (number: string): boolean => lengths.includes(number.length);
  const made = (number: string): string | undefined =>
    trunk && number.startsWith(trunk) ? undefined : international(code + number);
  if (text.includes("(0)")) return undefined; // a trunk prefix that most countries drop, and some keep
  if (digits.startsWith("+")) return international(digits.slice(1));
  if (!/^[0-9]+$/.test(digits)) return undefined;
  if (abroad && digits.startsWith(abroad)) return international(digits.slice(abroad.length));
  if (trunk && digits.startsWith(trunk)) {
    const rest = digits.slice(trunk.length);
    // A number may start with the very digits of the prefix: where both readings fit, neither is certain.
    return fits(rest) && (trunk === "0" || !fits(digits)) ? made(rest) : undefined;
  }
  if (digits.startsWith(code)) {
    const rest = digits.slice(code.length);
    return fits(rest) && !fits(digits) ? made(rest) : undefined;
  }
  return fits(digits) ? made(digits) : undefined;
}

const international = (digits: string): string | undefined =>
  /^[1-9][0-9]{7,14}$/.test(digits) ? `+${digits}` : undefined;

const KEYS: [key: string, slot: string, normal: Normal][] = [
  ["email", "email", email],
  ["phone_number", "phone", phone],
  ["external_id", "external_id", externalId],
  ["first_name", "first_name", name],
  ["last_name", "last_name", name],
];
const PLACES: [key: string, slot: string, normal: Normal][] = [
  ["city", "city", city],
  ["state", "state", city],
  ["country", "country", country],
  ["zip_code", "zip_code", zip],
];

/** The argument of the pixel's `identify`. Of several values the first that is valid counts. */
export function person(fields: Members, facts: Facts, note: (message: string) => void): Record<string, string> {
  const found: Record<string, string> = {};
  const add = ([key, slot, normal]: (typeof KEYS)[number], given: Value): void => {
    for (const value of [given].flat() as (string | undefined)[]) {
      const text = value && normal(value, facts, found);
      if (text && !isBroken(text)) {
        found[key] = text;
        return;
      }
      if (value && strip(value)) note(`${slot}: of no use; left out`);
    }
  };
  for (const key of KEYS) add(key, fields[key[1]]);
  for (const place of PLACES) add(place, fields.address?.[place[1]]);
  return found;
}
