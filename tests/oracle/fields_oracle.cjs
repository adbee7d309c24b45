// Answers, one JSON line per JSON line, what Segment's action kit makes of a payload for some fields:
//   {"fields": {key: {"type", "multiple", "choices", "properties"}}, "payload": {…}}  ->  {"ok": payload} or {"error": …}
// The three steps are those that the kit takes before an action runs.
const path = require('node:path')
const readline = require('node:readline')
const { fieldsToJsonSchema, validateSchema } = require('@segment/actions-core')

const kit = path.dirname(require.resolve('@segment/actions-core'))
const { removeEmptyValues } = require(path.join(kit, 'remove-empty-values.js'))

function reply(line) {
  const { fields, payload } = JSON.parse(line)
  const schema = fieldsToJsonSchema(fields)
  try {
    const filled = removeEmptyValues(payload, schema, true)
    validateSchema(filled, schema)
    return JSON.stringify({ ok: filled })
  } catch (error) {
    return JSON.stringify({ error: String(error && error.message) })
  }
}

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })
lines.on('line', (line) => process.stdout.write(reply(line) + '\n'))
