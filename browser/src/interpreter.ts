/** Runs the instructions that the server makes of a mapping; `tockwork.destinations.program` writes them. */
import { get, isObject, made, split, type Members, type Value } from "./values";

export type Instruction = Value;

type Operation = (operands: Value[], payload: Value) => Value;

const OPERATIONS: Record<string, Operation> = {
  nothing: () => undefined,
  fail: () => fail("this part of the mapping never works"),
  const: ([value]) => value,
  object: ([members], payload) =>
    made(Object.entries(members as Members).map(([key, part]) => [key, resolve(part, payload)])),
  list: (items, payload) => items.map((item) => resolve(item, payload)),
  path: (segments, payload) => get(payload, segments),
  pathOf: ([part], payload) => get(payload, split(text(part, payload).replace("$.", ""))),
  template: (parts, payload) => filled(parts, payload),
  templateOf: ([part], payload) => filled(pieces(filled(pieces(text(part, payload), 3), payload), 2), payload),
  exists: ([tested, then, other], payload) => resolve(isThere(resolve(tested, payload)) ? then : other, payload),
  blank: ([tested, then, other], payload) => {
    const value = resolve(tested, payload);
    // Loose on purpose: 0 and false count as blank, as they do in Segment's kit.
    return resolve(isThere(value) && value != "" ? then : other, payload);
  },
  case: ([part, operator], payload) => {
    const value = resolve(part, payload);
    if (typeof value !== "string") return value;
    if (!operator) fail("an unknown case");
    return operator === "lower" ? value.toLowerCase() : value.toUpperCase();
  },
  replace: ([part, signs, rounds], payload) => replaced(resolve(part, payload), signs, rounds),
  each: ([find, shape], payload) => {
    const found = resolve(find, payload);
    if (Array.isArray(found)) return found.map((item) => resolve(shape, item));
    return isObject(found) ? [resolve(shape, found)] : found;
  },
  flatten: ([find, separator, omitsLists], payload) =>
    flat(text(separator, payload), omitsLists, (): Value => resolve(find, payload)),
  encode: ([part], payload) => JSON.stringify(resolve(part, payload)),
  decode: ([part], payload) => {
    const value = resolve(part, payload);
    if (typeof value !== "string") return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  },
  drop: ([part], payload) => void resolve(part, payload),
  merge: ([direction, ...sources], payload) => {
    const leftmostWins = resolve(direction, payload) === "left";
    const objects = sources.map((source) => resolve(source, payload));
    if (leftmostWins) objects.reverse();
    return made(objects.flatMap((value) => Object.entries(value ?? {})));
  },
  transform: ([apply, mapping], payload) => {
    const root = payload === undefined ? {} : payload;
    if (!isObject(root)) fail("there is no object to transform");
    return resolve(mapping, defined(resolve(apply, root)));
  },
  withoutNulls: ([part], payload) => {
    const value = resolve(part, payload);
    return value === null ? undefined : withoutNulls(value);
  },
};

/** The value of an instruction for `payload`. Throws where Segment's kit would. */
export function resolve(instruction: Instruction, payload: Value): Value {
  if (!Array.isArray(instruction)) return instruction;
  const [name, ...operands] = instruction;
  return (OPERATIONS[name] as Operation)(operands, payload);
}

function fail(message: string): never {
  throw new Error(message);
}

const isThere = (value: Value): boolean => value !== null && value !== undefined;

function text(part: Instruction, payload: Value): string {
  const value = resolve(part, payload);
  return typeof value === "string" ? value : fail("a text is needed");
}

/** A template's texts, and between them the segments of its paths. */
function pieces(template: string, width: number): Value[] {
  const [opening, closing] = ["{".repeat(width), "}".repeat(width)];
  const found: Value[] = [];
  let at = 0;
  for (let start = template.indexOf(opening); start >= 0; ) {
    let end = template.indexOf("}", start + width);
    if (end < 0) break;
    if (end > start + width && template.startsWith(closing, end)) {
      found.push(template.slice(at, start), split(template.slice(start + width, end).trim()));
      at = end + width;
      end = at - 1;
    }
    start = template.indexOf(opening, end + 1);
  }
  return [...found, template.slice(at)];
}

function filled(parts: Value[], payload: Value): string {
  const root = payload === undefined ? {} : payload;
  return parts
    .map((part) => (typeof part === "string" ? part : get(root, part)))
    .map((value) => (isThere(value) ? String(value) : ""))
    .join("");
}

function replaced(value: Value, signs: string, rounds: [string, string][] | null): string {
  if (typeof value === "boolean" || typeof value === "number") value = String(value);
  if (typeof value !== "string" || !rounds) return "";
  for (const [pattern, replacement] of rounds) {
    if (!pattern) fail("a pattern or replacement is too long");
    value = value.replace(new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), signs), replacement);
  }
  return value;
}

function flat(separator: string, omitsLists: boolean, find: () => Value): Members {
  const leaves: [string, Value][] = [];
  const walk = (value: Value, prefix: string): void => {
    if (isObject(value) || (Array.isArray(value) && !omitsLists)) {
      for (const [key, member] of Object.entries(value)) walk(member, prefix ? prefix + separator + key : key);
    } else {
      leaves.push([prefix, value]);
    }
  };
  walk(find(), "");
  return made(leaves);
}

function defined(value: Value): Value {
  if (Array.isArray(value)) return value.map(defined);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return made(members.map(([key, member]) => [key, defined(member)]));
}

function withoutNulls(value: Value): Value {
  if (!isObject(value)) return value;
  return made(Object.entries(value).map(([key, member]) => [key, member === null ? undefined : withoutNulls(member)]));
}
