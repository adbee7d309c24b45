/** Values as JavaScript has them, and how mappings look into them. */

/** Anything that JSON can hold, and what JavaScript adds to it: undefined, functions, NaN. */
export type Value = any;
export type Members = Record<string, Value>;

export const kind = (value: Value): string => Object.prototype.toString.call(value).slice(8, -1).toLowerCase();

export const isObject = (value: Value): value is Members => kind(value) === "object";

/** The value at `segments` below `value`; what is falsy on the way is returned as it is. */
export function get(value: Value, segments: string[]): Value {
  for (const segment of segments) {
    if (!value) return value;
    value = value[segment];
  }
  return value;
}

/** The segments of a path that only the event tells. A bracket divides where a quote or a digit stands inside it. */
export function split(path: string): string[] {
  const found = [""];
  let closing = false;
  for (let at = 0; at < path.length; at++) {
    const sign = path[at] as string;
    const closes: boolean = sign === "]" && (closing || /["'0-9]/.test(path[at - 1] ?? ""));
    const opens = sign === "[" && /["'0-9]/.test(path[at + 1] ?? "");
    if (sign === "." || opens || closes) found.push("");
    else found.push(found.pop() + sign);
    closing = closes;
  }
  return found.filter(Boolean).map((part) => part.replace(/["']/g, ""));
}

/** An object of `entries`; a member named `__proto__` would be no member at all. */
export function made(entries: Iterable<[string, Value]>): Members {
  const members: Members = {};
  for (const [key, value] of entries) if (key !== "__proto__") members[key] = value;
  return members;
}

/** Whether a text has half a character, which UTF-8 cannot write. */
export const isBroken = (text: string): boolean => /\p{Cs}/u.test(text);
