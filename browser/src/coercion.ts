/** From a mapping's values to typed fields, by the rules of `tockwork.rules.coercion`. */
import { isObject, type Members, type Value } from "./values";

type Conditions = Record<string, (string | null)[]>;

/** A field, as the server declares it; what is usual is left out. */
export interface Field {
  key: string;
  slot?: string;
  type?: "number" | "integer" | "boolean" | "object";
  multiple?: true;
  required?: true | Conditions;
  choices?: string[];
  when?: Conditions;
  lenient?: true;
  parts?: Field[];
}

/** A value that makes the event useless for the mapping; the message starts with the field. */
export class FieldError extends Error {}

class Misfit extends Error {}

type Note = (message: string) => void;

/** The fields' values by their slots. Throws `FieldError`; `note` is told what is left out. */
export function coerced(fields: Field[], values: Value, note: Note): Members {
  if (!isObject(values)) throw new FieldError("the mapping gave no object");
  return new Pass(note).record(fields, values);
}

class Pass {
  private readonly known: Members = {};

  constructor(private readonly note: Note) {}

  record(fields: Field[], values: Members): Members {
    const slots: Members = {};
    for (const field of fields) {
      if (!this.holds(field.when)) continue;
      const value = this.field(field, own(values, field.key), "");
      if (value !== undefined) this.known[field.key] = slots[field.slot ?? field.key] = value;
      else if (field.required && (field.required === true || this.holds(field.required)))
        throw new FieldError(`${field.key}: required, but the event gave no value for it`);
    }
    return slots;
  }

  private holds(conditions?: Conditions): boolean {
    return Object.entries(conditions ?? {}).every(([key, allowed]) => allowed.includes(this.known[key] ?? null));
  }

  private field(field: Field, value: Value, where: string): Value {
    const place = where + field.key;
    if (!field.multiple || !Array.isArray(value)) {
      const one = this.fitting(field, value, place);
      return field.multiple && one !== undefined ? [one] : one;
    }
    const items = value.map((item) => this.fitting(field, item, place)).filter((item) => item !== undefined);
    return items.length ? items : undefined;
  }

  private fitting(field: Field, value: Value, place: string): Value {
    if (value === null || value === undefined) return undefined;
    try {
      return field.type === "object" ? this.object(field, value, place) : scalar(field, value);
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      if (!field.lenient) throw new FieldError(`${place}: ${error.message}`);
      this.note(`${place}: ${error.message}; left out`);
      return undefined;
    }
  }

  private object(field: Field, value: Value, place: string): Value {
    if (value === "") return undefined;
    if (!isObject(value)) throw new Misfit("expected an object");
    const found: Members = {};
    for (const part of field.parts ?? []) {
      const one = this.holds(part.when) ? this.field(part, own(value, part.key), `${place}.`) : undefined;
      if (one !== undefined) found[part.slot ?? part.key] = one;
    }
    return Object.keys(found).length ? found : undefined;
  }
}

const own = (members: Members, key: string): Value =>
  Object.prototype.hasOwnProperty.call(members, key) ? members[key] : undefined;

function scalar(field: Field, value: Value): Value {
  if (Array.isArray(value) && value.length === 1 && !Array.isArray(value[0])) value = value[0];
  if (value === null) return undefined;
  const found = field.type ? typed(field.type, value) : string(value);
  if (found !== undefined && field.choices && !field.choices.includes(found))
    throw new Misfit(`expected one of ${field.choices.join(", ")}`);
  return found;
}

function string(value: Value): string | undefined {
  if (typeof value === "object") throw new Misfit("expected a string");
  return String(value) || undefined;
}

function typed(type: string, value: Value): Value {
  if (typeof value === "string" && !value.trim()) return undefined;
  if (type === "boolean") {
    if (value === true || value === "true" || value === 1) return true;
    if (value === false || value === "false" || value === 0) return false;
    throw new Misfit("expected true or false");
  }
  const number = typeof value === "object" ? NaN : Number(value);
  if (!Number.isFinite(number)) throw new Misfit("expected a number");
  if (type === "integer" && number % 1) throw new Misfit("expected a whole number");
  return number || 0; // no -0
}
