/** The calls that an event makes on the pixel: what `tockwork transform` prints as the row of `tiktok-pixel`. */
import { coerced, FieldError, type Field } from "./coercion";
import { agreed, isOff, optedOut, type Gate } from "./gate";
import { resolve, type Instruction } from "./interpreter";
import { isPlaceholder, person, type Facts } from "./person";
import { matches, type Condition } from "./trigger";
import { isBroken, made, type Members, type Value } from "./values";

/** What the server compiles of a destination's mappings. */
export interface Program extends Gate, Facts {
  code: string;
  page: boolean;
  compute: boolean;
  orderIds: boolean;
  mappings: Mapping[];
  values: Instruction[];
  fields: Field[];
}

interface Mapping {
  name: string;
  trigger: Condition;
  fields: [field: number, value?: number][];
  root?: number;
  also?: number[];
  hidden?: string[];
}

export type Call = [method: string, ...args: Value[]];

export interface Outcome {
  mapping: string | null;
  status: "mapped" | "invalid" | "filtered" | "suppressed";
  calls: Call[];
  notes: string[];
}

/** What becomes of an event, given as plain JSON values: one outcome per triggered mapping, or a single other one. */
export function outcomes(program: Program, event: Members): Outcome[] {
  const stopped = (status: "filtered" | "suppressed"): Outcome[] => [{ mapping: null, status, calls: [], notes: [] }];
  if (isOff(program, event.integrations)) return stopped("filtered");
  if (!agreed(program, event) || optedOut(program, event)) return stopped("suppressed");
  const triggered = program.mappings.filter((mapping) => matches(mapping.trigger, event));
  return triggered.length ? triggered.map((mapping) => mapped(program, mapping, event)) : stopped("filtered");
}

function mapped(program: Program, mapping: Mapping, event: Members): Outcome {
  const notes: string[] = [];
  const note = (message: string): void => void notes.push(message);
  try {
    const fields = mapping.fields.map(([field]) => program.fields[field] as Field);
    const calls = sent(coerced(fields, values(program, mapping, event), note), program, mapping, note);
    refuseHalves(calls);
    return { mapping: mapping.name, status: "mapped", calls, notes };
  } catch (error) {
    note(error instanceof Error ? error.message : "failed");
    return { mapping: mapping.name, status: "invalid", calls: [], notes };
  }
}

/** What the mapping makes of the event, as a reader of its JSON sees it. */
function values(program: Program, mapping: Mapping, event: Members): Value {
  const value = (place: number): Value => resolve(program.values[place], event);
  const whole =
    mapping.root === undefined
      ? made(
          mapping.fields.flatMap(([field, place]): [string, Value][] =>
            place === undefined ? [] : [[(program.fields[field] as Field).key, value(place)]],
          ),
        )
      : value(mapping.root);
  mapping.also?.forEach(value);
  const text = JSON.stringify(whole);
  return text === undefined ? undefined : JSON.parse(text);
}

function sent(fields: Members, program: Program, mapping: Mapping, note: (message: string) => void): Call[] {
  const who = person(fields, program, note);
  const track: Call[] = fields.event ? [tracked(fields, program, note)] : [];
  for (const name of mapping.hidden ?? []) {
    delete who[name];
    delete track[0]?.[2][name];
  }
  const known = who.email || who.phone_number || who.external_id;
  if (!known && !track.length) throw new FieldError("identify: no valid email, phone_number or external_id");
  return known ? [["identify", who], ...track] : track;
}

function tracked(fields: Members, program: Program, note: (message: string) => void): Call {
  const given = (value?: string): string | undefined => (value && !isPlaceholder(value, program) ? value : undefined);
  const orderId = given(fields.order_id);
  const eventId = program.orderIds && orderId ? `${fields.event}.${orderId}` : given(fields.event_id);
  const contents = goods(fields.contents, given);
  let { value, query, search_string } = fields;
  if (value === undefined && program.compute) value = fields.total ?? total(fields.contents);
  if (fields.event === "Search") {
    query ??= search_string;
    search_string ??= query;
  }
  const ids = fields.content_ids?.filter(given);
  const properties = {
    contents,
    content_type: fields.content_type,
    content_ids: ids?.length ? ids : undefined,
    num_items: whole(fields.num_items),
    currency: fields.currency,
    value,
    description: fields.description,
    query,
    search_string,
    order_id: orderId,
    shop_id: given(fields.shop_id),
    ...(fields.event_spec_type === "travel_fields" && fields.travel),
    ...(fields.event_spec_type === "vehicle_fields" && fields.vehicle && vehicle(fields.vehicle)),
  };
  if (value !== undefined && !fields.currency) note("currency: the event gave none for its value, and none is made up");
  const filled = made(Object.entries(properties).filter(([, one]) => one !== undefined));
  return ["track", fields.event, filled, ...(eventId ? [{ event_id: eventId }] : [])];
}

type Given = (value?: string) => string | undefined;

function goods(contents: Members[] | undefined, given: Given): Members[] | undefined {
  const kept = contents
    ?.map(({ quantity, content_id, ...rest }) => {
      const [number, id] = [whole(quantity), given(content_id)];
      return { ...rest, ...(number !== undefined && { quantity: number }), ...(id && { content_id: id }) };
    })
    .filter((content) => Object.keys(content).length);
  return kept?.length ? kept : undefined;
}

/** A whole number, of two that are as near the even one, as Python rounds. */
function whole(value?: number): number | undefined {
  if (value === undefined || Number.isInteger(value)) return value;
  const floor = Math.floor(value);
  return (value - floor === 0.5 ? floor + (floor & 1) : Math.round(value)) || 0;
}

/** Σ price × quantity over the contents that have a price. */
function total(contents: Members[] | undefined): number | undefined {
  const priced = (contents ?? []).filter(({ price }) => price !== undefined);
  const value = sum(priced.map(({ price, quantity }) => price * (quantity ?? 1)));
  return priced.length && Number.isFinite(value) ? Number(value.toFixed(6)) || 0 : undefined;
}

/** The sum of numbers without the errors that adding them one by one makes (Shewchuk's partial sums). */
function sum(numbers: number[]): number {
  const partials: number[] = [];
  for (let one of numbers) {
    let kept = 0;
    for (let other of partials) {
      if (Math.abs(one) < Math.abs(other)) [one, other] = [other, one];
      const high = one + other;
      const low = other - (high - one);
      if (low) partials[kept++] = low;
      one = high;
    }
    partials.length = kept;
    partials.push(one);
  }
  return partials.reduceRight((left, right) => left + right, 0);
}

/** Mileage as value and unit, and the price range as a pair: both or none. */
function vehicle(given: Members): Members {
  const { mileage_value: value, mileage_unit: unit, ...others } = given;
  const { preferred_price_range_min: low, preferred_price_range_max: high, ...rest } = others;
  if (value !== undefined && unit !== undefined) rest.mileage = { value, unit };
  if (low !== undefined && high !== undefined) rest.preferred_price_range = [low, high];
  return rest;
}

function refuseHalves(calls: Call[]): void {
  JSON.stringify(calls, (_, value: Value) => {
    if (typeof value === "string" && isBroken(value)) throw new FieldError("a text holds half a character");
    return value;
  });
}
