// Answers, one JSON line per JSON line, what Segment's own packages make of a case:
//   {"kind": "mapping", "mapping": …, "event": …}  ->  {"ok": …} or {"error": …, "refused": whether any event would fail}
//   {"kind": "trigger", "trigger": …, "event": …}  ->  {"ok": true or false}, or {"error": …} where it cannot be read
// "ok" is missing where the mapping gives undefined. A trigger that fails on the event does not match it.
const path = require('node:path')
const readline = require('node:readline')
const { transform } = require('@segment/actions-core')
const { parseFql, validate } = require('@segment/destination-subscriptions')

const kit = path.join(path.dirname(require.resolve('@segment/actions-core')), 'mapping-kit')
const { default: check } = require(path.join(kit, 'validate.js'))

function isRefused(mapping) {
  try {
    check(mapping)
    return false
  } catch {
    return true
  }
}

function matches(trigger, event) {
  try {
    return validate(trigger, event)
  } catch {
    return false
  }
}

// The clock stands at the event's time, so that what a Liquid template makes of "now" can be compared.
const clock = Date.now
function setClock(event) {
  const text = [event?.receivedAt, event?.timestamp, event?.sentAt].find((value) => value && typeof value === 'string')
  const now = Date.parse(text)
  Date.now = Number.isNaN(now) ? clock : () => now
}

function answer({ kind, mapping, trigger, event }) {
  setClock(event)
  if (kind === 'mapping') return { ok: transform(mapping, event) }
  const parsed = parseFql(trigger)
  if (parsed.error) throw parsed.error
  return { ok: matches(parsed, event) }
}

function reply(line) {
  const refused = isRefused(JSON.parse(line).mapping)
  try {
    return JSON.stringify(answer(JSON.parse(line)))
  } catch (error) {
    return JSON.stringify({ error: String(error && error.message), refused })
  }
}

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })
lines.on('line', (line) => process.stdout.write(reply(line) + '\n'))
