/** What keeps an event from the pixel before any trigger is asked: its integrations object, and consent. */
import { isObject, type Members, type Value } from "./values";

export interface Gate {
  names: string[];
  consent?: { categories: string[]; mode: "all" | "any"; missing: "block" | "allow" };
  blocked?: boolean;
}

/** Whether the event's integrations object switches the destination off. */
export function isOff(gate: Gate, integrations: Value): boolean {
  if (!isObject(integrations)) return false;
  let everything = true;
  for (const [key, value] of Object.entries(integrations)) {
    const name = key.replace(/[\s\x1c-\x1f\x85]/g, "").toLowerCase();
    if (gate.names.includes(name)) return value === false;
    if (name === "all") everything = value !== false;
  }
  return !everything;
}

/** Whether the person agreed to the categories that the destination asks for, as far as the event tells. */
export function agreed(gate: Gate, event: Members): boolean {
  if (!gate.consent) return true;
  const preferences = said(event).categoryPreferences;
  if (!isObject(preferences)) return gate.consent.missing === "allow";
  const given = (category: string): boolean => preferences[category] === true;
  const { categories, mode } = gate.consent;
  return mode === "all" ? categories.every(given) : categories.some(given);
}

/** Whether the event carries an opt-out, and the destination heeds it. */
export function optedOut(gate: Gate, event: Members): boolean {
  if (!gate.blocked) return false;
  const consent = said(event);
  const isOptOut = (text: Value): boolean => typeof text === "string" && /^\s*\d[yn-]y[yn-]\s*$/i.test(text);
  const flags = ["SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut", "Gpc"];
  const { gpp } = consent;
  return (
    isSet(consent.gpc) ||
    isOptOut(consent.us_privacy) ||
    isOptOut(consent.usPrivacy) ||
    (isObject(gpp) && flags.some((flag) => isSet(gpp[flag])))
  );
}

const isSet = (value: Value): boolean =>
  typeof value === "string" ? ["1", "true"].includes(value.trim().toLowerCase()) : value === 1 || value === true;

function said(event: Members): Members {
  const consent = isObject(event.context) ? event.context.consent : undefined;
  return isObject(consent) ? consent : {};
}
