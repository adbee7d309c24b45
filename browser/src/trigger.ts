/** Which events a mapping is for, and which of them may pass at all. */
import { get, type Members, type Value } from "./values";

export type Condition = Value;

/** Whether the event fires the trigger; where a condition fails, it does not. */
export function matches(node: Condition, event: Members): boolean {
  try {
    return holds(node, event);
  } catch {
    return false;
  }
}

function holds([operator, ...rest]: Value[], event: Members): boolean {
  if (operator === "and") return rest.every((node) => holds(node, event));
  if (operator === "or") return rest.some((node) => holds(node, event));
  if (operator === "fail") throw new Error("Segment fails at this condition");
  const [segments, expected] = rest;
  const found = segments ? get(event, segments) : undefined;
  switch (operator) {
    case "exists":
      return found !== undefined && found !== null;
    case "not_exists":
      return found === undefined || found === null;
    case "is_true":
      return found === true;
    case "is_false":
      return found === false;
    case "=":
      return found === expected;
    case "!=":
      return found !== expected;
  }
  if (typeof found === "number") return compares(operator, found, Number(expected));
  if (typeof found !== "string" || typeof expected !== "string") return false;
  const wanted = !operator.startsWith("not_");
  return searches(wanted ? operator : operator.slice(4), found, expected) === wanted;
}

function compares(operator: string, found: number, expected: number): boolean {
  switch (operator) {
    case "number_equals":
      return found === expected;
    case "number_not_equals":
      return found !== expected;
    case "<":
      return found < expected;
    case "<=":
      return found <= expected;
    case ">":
      return found > expected;
    case ">=":
      return found >= expected;
  }
  return false;
}

function searches(operator: string, found: string, expected: string): boolean | undefined {
  switch (operator) {
    case "contains":
      return found.includes(expected);
    case "starts_with":
      return found.startsWith(expected);
    case "ends_with":
      return found.endsWith(expected);
  }
  return undefined;
}
