// The reference for @liquid: Segment's own directive on liquidjs.
//
//   node liquid_oracle.cjs [node_modules] < cases.jsonl > answers.jsonl
//
// Reads {"template", "event"} per line and prints {"ok": text} or {"error": message} per line. The packages are looked
// up in the folder given, else where Node looks (NODE_PATH).
process.env.TZ = 'UTC'
const { createRequire } = require('module')
const path = require('path')
const readline = require('readline')

const folder = process.argv[2]
const load = folder ? createRequire(path.join(path.resolve(folder), 'liquid_oracle.js')) : require
// The directive is not among the package's exports, but lies beside its main module.
const core = path.dirname(load.resolve('@segment/actions-core'))
const { evaluateLiquid } = require(path.join(core, 'mapping-kit', 'liquid-directive.js'))

// The clock stands where the event was received, so that "now" can be compared.
const answer = (line) => {
  const { template, event } = JSON.parse(line)
  const now = Date.parse(event?.receivedAt)
  if (!Number.isNaN(now)) Date.now = () => now
  try {
    return { ok: evaluateLiquid(template, event) }
  } catch (error) {
    return { error: String(error?.message ?? error) }
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify(answer(line)) + '\n')
})
