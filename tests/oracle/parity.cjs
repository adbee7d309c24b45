// An independent reference for what Segment sends to TikTok for an event. One JSON line in, one out:
//   {"event": …, "destination": "web" or "offline", "presets": [{"name", "trigger", "event", "contents"}, …]}
//   ->  [{"name", "row": …} or {"name", "refused": why}, …]     one for each preset that the event triggers
// The mapping kit, the triggers and the schema check are Segment's own packages; the row builder follows the documented
// facts (reference pages of the destination and of TikTok's Events API), and nobody's code.
const path = require('node:path')
const readline = require('node:readline')
const { createHash } = require('node:crypto')
const { transform, fieldsToJsonSchema, validateSchema } = require('@segment/actions-core')
const { parseFql, validate } = require('@segment/destination-subscriptions')

const home = path.dirname(require.resolve('@segment/actions-core'))
const { removeEmptyValues } = require(path.join(home, 'remove-empty-values.js'))

const at = (where) => ({ '@path': where })
const first = (one, other) => ({ '@if': { exists: at(one), then: at(one), else: at(other) } })
const either = (key) => first(`$.properties.${key}`, `$.context.traits.${key}`)
const text = { type: 'string' }
const number = { type: 'number' }
const texts = { type: 'string', multiple: true }

const FIELDS = {
  event_source: { ...text, choices: ['web', 'crm'] },
  event: { ...text, required: true },
  event_id: text,
  timestamp: text,
  phone_number: texts,
  email: texts,
  first_name: text,
  last_name: text,
  address: { type: 'object', properties: { city: text, country: text, zip_code: text, state: text } },
  order_id: text,
  shop_id: text,
  external_id: texts,
  ttclid: text,
  ttp: text,
  locale: text,
  url: text,
  referrer: text,
  ip: text,
  user_agent: text,
  contents: {
    type: 'object',
    multiple: true,
    properties: {
      price: number, quantity: number, content_category: text, content_id: text, content_name: text, brand: text
    }
  },
  content_ids: texts,
  num_items: number,
  content_type: { ...text, choices: ['product', 'product_group'] },
  currency: text,
  value: number,
  query: text,
  search_string: text,
  limited_data_use: { type: 'boolean' },
  delivery_category: { ...text, choices: ['in_store', 'curbside', 'home_delivery'] },
  predicted_ltv: number
}
const WEB_ONLY = ['event_source', 'first_name', 'last_name', 'address', 'content_ids', 'num_items', 'search_string',
  'delivery_category', 'predicted_ltv']
const PLURALS = { phone_number: 'phone_numbers', email: 'email_addresses', external_id: 'external_ids' }
const offline = (members) =>
  Object.fromEntries(
    Object.entries(members).filter(([key]) => !WEB_ONLY.includes(key)).map(([key, value]) => [PLURALS[key] ?? key, value])
  )
const schema = (fields) =>
  fieldsToJsonSchema(
    Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, { label: key, description: key, ...field }]))
  )

const DEFAULTS = {
  event_source: 'web',
  event_id: at('$.messageId'),
  timestamp: at('$.timestamp'),
  phone_number: either('phone'),
  email: either('email'),
  first_name: either('first_name'),
  last_name: either('last_name'),
  address: {
    city: either('address.city'),
    country: either('address.country'),
    zip_code: either('address.postal_code'),
    state: either('address.state')
  },
  order_id: at('$.properties.order_id'),
  shop_id: at('$.properties.shop_id'),
  external_id: first('$.userId', '$.anonymousId'),
  ttclid: first('$.properties.ttclid', '$.integrations.TikTok Conversions.ttclid'),
  ttp: first('$.properties.ttp', '$.integrations.TikTok Conversions.ttp'),
  locale: at('$.context.locale'),
  url: at('$.context.page.url'),
  referrer: at('$.context.page.referrer'),
  ip: at('$.context.ip'),
  user_agent: at('$.context.userAgent'),
  content_ids: at('$.properties.content_ids'),
  num_items: at('$.properties.num_items'),
  content_type: 'product',
  currency: at('$.properties.currency'),
  value: first('$.properties.value', '$.properties.revenue'),
  query: at('$.properties.query'),
  search_string: at('$.properties.search_string'),
  limited_data_use: at('$.properties.limited_data_use'),
  delivery_category: at('$.properties.delivery_category'),
  predicted_ltv: at('$.properties.predicted_ltv')
}
const ITEM = {
  price: at('$.price'),
  quantity: at('$.quantity'),
  content_category: at('$.category'),
  content_id: at('$.product_id'),
  content_name: at('$.name'),
  brand: at('$.brand')
}
const CONTENTS = {
  products: { contents: { '@arrayPath': ['$.properties.products', ITEM] } },
  single: { contents: { '@arrayPath': ['$.properties', ITEM] } },
  '': {}
}

const hash = (value) =>
  /^[0-9a-f]{64}$/i.test(value) ? value.toLowerCase() : createHash('sha256').update(value).digest('hex')
const e164 = (value) => '+' + value.replace(/[^0-9]/g, '').slice(0, 14)
const alphanumeric = (value) => value && value.toLowerCase().replace(/[^a-z0-9]/g, '')
const each = (values, normalise) => values && values.map((value) => hash(normalise(value)))

function clickId(url) {
  try {
    return new URL(url).searchParams.get('ttclid') || undefined
  } catch {
    return undefined
  }
}

function offlineRow(given) {
  const { external_ids, phone_numbers, email_addresses, ttclid, url, referrer, limited_data_use: limited } = given
  if (![external_ids, phone_numbers, email_addresses].some((values) => values && values.length)) {
    throw new Error('an offline event needs an e-mail, a phone or an external id')
  }
  return {
    event: given.event,
    event_time: given.timestamp === undefined ? undefined : Math.floor(Date.parse(given.timestamp) / 1000),
    event_id: given.event_id,
    user: {
      external_id: each(external_ids, (value) => value.toLowerCase()),
      phone: each(phone_numbers, e164),
      email: each(email_addresses, (value) => value.toLowerCase()),
      ttclid: ttclid ?? clickId(url),
      ttp: given.ttp,
      lead_id: given.lead_id,
      locale: given.locale,
      ip: given.ip,
      user_agent: given.user_agent
    },
    properties: {
      contents: given.contents ?? [],
      content_type: given.content_type,
      currency: given.currency,
      value: given.value,
      query: given.query,
      order_id: given.order_id,
      shop_id: given.shop_id
    },
    page: url || referrer ? { url, referrer } : undefined,
    limited_data_use: limited === true ? true : undefined
  }
}

function row(given) {
  const address = given.address || {}
  const name = (value) => (value ? hash(value.toLowerCase().replace(/\s/g, '')) : '')
  return {
    event: given.event,
    event_time: given.timestamp === undefined ? undefined : Math.floor(Date.parse(given.timestamp) / 1000),
    event_id: given.event_id,
    user: {
      external_id: each(given.external_id, (value) => value.toLowerCase()),
      phone: each(given.phone_number, e164),
      email: each(given.email, (value) => value.toLowerCase()),
      ttclid: clickId(given.url) ?? given.ttclid,
      ttp: given.ttp,
      locale: given.locale,
      ip: given.ip,
      user_agent: given.user_agent,
      first_name: name(given.first_name),
      last_name: name(given.last_name),
      city: alphanumeric(address.city) ?? '',
      state: alphanumeric(address.state) ?? '',
      country: alphanumeric(address.country) ?? '',
      zip_code: address.zip_code ? hash(address.zip_code.toLowerCase().replace(/[\s-]/g, '')) : ''
    },
    properties: {
      contents: given.contents ?? [],
      content_type: given.content_type,
      content_ids: given.content_ids,
      num_items: given.num_items,
      currency: given.currency,
      value: given.value,
      query: given.query,
      search_string: given.search_string,
      order_id: given.order_id,
      shop_id: given.shop_id,
      delivery_category: given.delivery_category,
      predicted_ltv: given.predicted_ltv
    },
    page: given.url || given.referrer ? { url: given.url, referrer: given.referrer } : undefined,
    limited_data_use: typeof given.limited_data_use === 'boolean' ? given.limited_data_use : false
  }
}

function triggers(trigger, event) {
  try {
    return validate(parseFql(trigger), event)
  } catch {
    return false
  }
}

const NAME = 'TikTok Offline Conversions'
const DESTINATIONS = {
  web: { key: 'web', schema: schema(FIELDS), defaults: DEFAULTS, row },
  offline: {
    key: 'offline',
    schema: schema({ ...offline(FIELDS), lead_id: text }),
    defaults: {
      ...offline(DEFAULTS),
      lead_id: at('$.properties.lead_id'),
      ttclid: first('$.properties.ttclid', `$.integrations.${NAME}.ttclid`),
      ttp: first('$.properties.ttp', `$.integrations.${NAME}.ttp`)
    },
    row: offlineRow
  }
}

function mapped(preset, event, destination) {
  try {
    const mapping = { ...destination.defaults, event: preset.event, ...CONTENTS[preset.contents] }
    const given = removeEmptyValues(transform(mapping, event), destination.schema, true)
    validateSchema(given, destination.schema, { schemaKey: destination.key })
    return { name: preset.name, row: destination.row(given) }
  } catch (error) {
    return { name: preset.name, refused: String(error && error.message) }
  }
}

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })
lines.on('line', (line) => {
  const { event, presets, destination } = JSON.parse(line)
  const triggered = presets.filter((preset) => triggers(preset.trigger, event))
  const found = triggered.map((preset) => mapped(preset, event, DESTINATIONS[destination]))
  process.stdout.write(JSON.stringify(found) + '\n')
})
