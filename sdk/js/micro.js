// A client of MUCP for Node.js 20 or newer and for browsers, written from docs/reference/mucp.md alone.
const [HELLO, DEFINE, OPEN, DATA, END, ERROR, REFUSED, HEADERS, CREDIT, CANCEL, EVENT, ACK, NACK, PING, PONG, GOAWAY, EVENTS] = Array(17).keys()
const CALL = 1, STREAM = 2, PUBLISH = 3, SUBSCRIBE = 4, COST = 9, WINDOW = 262_144, CREDIT_STEP = 131_072, FAULT_MAX = 32_768
const MESSAGE_MAX = 4_194_304, EXTRA_MAX = 16_448, BLOCKS = 64, NUMBERS = 4_294_967_296, GREETING_MILLISECONDS = 5_000
export class Fault extends Error { // `code` is like HTTP's; `refused` says that nothing was done
  constructor(code, detail, more) { Object.assign(super(detail), { code, detail, id: '', refused: false }, more) }
}
const text = bytes => new TextDecoder().decode(bytes), view = bytes => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
const join = (parts, whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))) => {
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0)
  return whole
}
const number = (size, value) => Uint8Array.from({ length: size }, (_, at) => Number(BigInt(value) >> BigInt(8 * (size - 1 - at)) & 255n))
const pack = headers => join(Object.entries(headers).flatMap(([name, said]) => {
  const value = new TextEncoder().encode(said)
  if (value.length > 4_096 || /[\x00-\x1f\x7f]/.test(said)) throw new Fault(400, `${name}: too long, or not one line`, { refused: true })
  return [number(1, name.length), new TextEncoder().encode(name), number(2, value.length), value]
}))
const unpack = (bytes, found = {}) => {
  if (!bytes.length) return found
  const middle = 1 + bytes[0], end = middle + 2 + view(bytes).getUint16(middle)
  return unpack(bytes.subarray(end), { ...found, [text(bytes.subarray(1, middle)).toLowerCase()]: text(bytes.subarray(middle + 2, end)) })
}
const faulty = (payload, refused = false) => { // keys in either case; text that is no such object is the detail of a 500
  let found = { detail: text(payload.subarray(0, FAULT_MAX)) }
  try { found = Object.fromEntries(Object.entries(JSON.parse(found.detail)).map(([key, value]) => [key.toLowerCase(), value])) } catch { /* text */ }
  return new Fault(found.code >= 400 && found.code <= 599 ? found.code : 500, `${found.detail ?? ''}`, { id: found.id, refused })
}
const typeOf = value => value instanceof Uint8Array ? 'application/octet-stream' : 'application/json'
const bodyOf = value => value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value))
const meant = (bytes, type) => bytes.length && /^application\/json\b/.test(type) ? JSON.parse(text(bytes)) : bytes
class Exchange { // a call, a stream or a subscription: `for await` gives what comes, and leaving the loop ends it
  constructor(link, at, type) { Object.assign(this, { link, at, type, window: WINDOW, owed: 0, queue: [], waiting: [] }) }
  say(kind, ...payload) { if (!this.over) this.link.frame(kind, this.at, ...payload) }
  async until(ready) { // raises the fault that ended it, once all that came before was taken
    while (!this.over && !ready()) await new Promise(go => this.waiting.push(go))
    if (this.fault && !this.queue.length) throw this.fault
  }
  wake() { this.waiting.splice(0).forEach(go => go()) }
  finish(fault) { this.link.open.delete(this.at); Object.assign(this, { over: true, fault }).wake() }
  cancel(fault) { if (!this.over) { this.say(CANCEL); this.finish(fault) } }
  end() { if (!this.ended) this.say(END); this.ended = true }
  async send(value) { // waits while there is no credit
    const bytes = this.link.weighed(bodyOf(value))
    do await this.until(() => this.window > 0); while (this.window <= 0 && !this.over)
    if (this.over || this.ended) throw this.fault ?? new Fault(409, 'the stream has ended')
    this.window -= bytes.length + COST
    this.say(DATA, bytes)
  }
  async * [Symbol.asyncIterator]() {
    try {
      while (await this.until(() => this.queue.length), this.queue.length) {
        const [item, cost] = this.queue.shift()
        if ((this.owed += cost) >= CREDIT_STEP) { this.say(CREDIT, number(4, this.owed)); this.owed = 0 }
        yield item()
      }
    } finally { this.cancel() }
  }
  deliver(headers, sequence, body, cost) {
    const say = (kind, ...more) => sequence && this.say(kind, number(8, sequence), ...more), nack = (after = 0) => say(NACK, number(4, after))
    const event = { headers, body, get value() { return meant(body, headers['content-type']) }, ack: () => say(ACK), nack }
    this.queue.push([() => event, cost])
  }
}
class Link { // one link to a node, over which everything goes at once
  open = new Map(); known = new Map(); said = Array(BLOCKS).fill(null); defined = 0; next = -1; rest = []; have = 0; need = COST
  frame(kind, at, ...payload) {
    const bytes = join([number(4, payload.reduce((sum, part) => sum + part.length, 0)), number(1, kind), number(4, at), ...payload])
    for (let start = 0; start < bytes.length; start += MESSAGE_MAX) this.write(bytes.subarray(start, start + MESSAGE_MAX))
  }
  greet({ versions, message_bytes: bodyMax = 1_048_576 }) {
    if (versions.includes(1) || versions.includes(2)) this.greeted(Object.assign(this, { bodyMax })); else throw new Error('no common version')
  }
  weighed(bytes) { if (bytes.length <= this.bodyMax) return bytes; throw new Fault(413, `the node takes ${this.bodyMax} bytes`, { refused: true }) }
  begin(form, headers, value, seconds = 0, extra) {
    if (this.going) throw new Fault(this.going.code, `nothing was sent: ${this.going.detail}`, { refused: true })
    const type = value === undefined ? {} : { 'Content-Type': typeOf(value) }, block = pack({ ...headers, ...type }), more = pack(extra ?? {})
    const body = value === undefined ? new Uint8Array() : this.weighed(bodyOf(value))
    if (!this.said.includes(text(block))) { this.said[this.defined % BLOCKS] = text(block); this.frame(DEFINE, this.defined++ % BLOCKS, block) }
    do this.next = (this.next + 2) % NUMBERS; while (this.open.has(this.next))
    const exchange = new Exchange(this, this.next, type['Content-Type'] ?? ''), fixed = [[1, form], [2, this.said.indexOf(text(block))]]
    this.open.set(exchange.at, exchange)
    exchange.say(OPEN, ...[...fixed, [4, Math.ceil(seconds * 1000)], [2, more.length]].map(field => number(...field)), more, body)
    return exchange
  }
  async ask(form, headers, value, { seconds = 30, id } = {}) {
    const exchange = this.begin(form, headers, value, seconds, id && { 'Micro-Id': id })
    const timer = setTimeout(() => exchange.cancel(new Fault(408, `no answer within ${seconds} s`)), seconds * 1000)
    await exchange.until(() => false).finally(() => clearTimeout(timer))
    return meant(exchange.answered, exchange.type)
  }
  call(service, endpoint, value = {}, options) { return this.ask(CALL, { 'Micro-Service': service, 'Micro-Endpoint': endpoint }, value, options) }
  stream(service, endpoint, value = {}) { return this.begin(STREAM, { 'Micro-Service': service, 'Micro-Endpoint': endpoint }, value) }
  publish(topic, value, options) { return this.ask(PUBLISH, { 'Micro-Topic': topic }, value, options) } // the same `id` twice is one event
  subscribe(topic, { queue } = {}) { // with a queue each event is told `ack()`, or `nack(milliseconds)`
    const exchange = this.begin(SUBSCRIBE, { 'Micro-Topic': topic, ...(queue && { 'Micro-Queue': queue }) })
    return exchange.until(() => exchange.headers).then(() => exchange)
  }
  receive(chunk) {
    if (this.rest.push(chunk) && (this.have += chunk.length) < this.need) return
    let bytes = join(this.rest)
    while (bytes.length >= COST && bytes.length >= (this.need = COST + view(bytes).getUint32(0))) {
      this.hear(bytes[4], view(bytes).getUint32(5), bytes.subarray(COST, this.need));
      [bytes, this.need] = [bytes.subarray(this.need), COST]
    }
    if (this.need > COST + MESSAGE_MAX + EXTRA_MAX) throw new Error('a frame is too large')
    Object.assign(this, { rest: [bytes], have: bytes.length })
  }
  hear(kind, at, payload) {
    const exchange = this.open.get(at), fields = view(payload), cost = payload.length + COST
    if (kind === HELLO) this.greet(JSON.parse(text(payload)))
    else if (kind === DEFINE) this.known.set(at, unpack(payload))
    else if (kind === PING) this.frame(PONG, 0, payload)
    else if (kind === GOAWAY) this.going = faulty(payload)
    else if (kind === OPEN && at) this.frame(REFUSED, at, bodyOf({ id: '', code: 429, detail: 'nothing is served here', status: '' }))
    else if (!exchange) return // what is over: this crossed its end
    else if (kind === DATA) exchange.queue.push([() => meant(payload, exchange.type), cost])
    else if (kind === END) Object.assign(exchange, { answered: payload }).finish()
    else if (kind === ERROR || kind === REFUSED) exchange.finish(faulty(payload, kind === REFUSED))
    else if (kind === CANCEL) exchange.finish(new Fault(499, 'the other side gave it up'))
    else if (kind === HEADERS) exchange.type = (exchange.headers = unpack(payload))['content-type'] ?? exchange.type
    else if (kind === CREDIT) exchange.window += fields.getUint32(0)
    else if (kind === EVENT) {
      const start = 12 + fields.getUint16(10), headers = unpack(payload.subarray(12, start), { ...this.known.get(fields.getUint16(0)) })
      exchange.deliver(headers, fields.getBigUint64(2), payload.subarray(start), cost)
    } else if (kind === EVENTS) {
      for (let index = 0, count = fields.getUint16(2), start = 4 + 2 * count, end; index < count; index++, start = end) {
        end = start + fields.getUint16(4 + 2 * index)
        exchange.deliver(this.known.get(fields.getUint16(0)), 0n, payload.subarray(start, end), index ? 0 : cost)
      }
    }
    exchange?.wake()
  }
  lost(why, going = this.going ??= new Fault(503, why)) { // who was not let in has had nothing done
    const fault = going.code === 401 ? Object.assign(going, { refused: true }) : new Fault(503, `outcome unknown: the link ended (${going.detail})`)
    this.refused(going); this.open.forEach(exchange => exchange.finish(fault))
  }
}
export async function connect(address, { token = '', agent = 'micro-js/1' } = {}) { // ws://HOST:PORT/mucp, wss:, or in Node.js unix:PATH
  const unix = address.startsWith('unix:') && (await import('node:net')).connect(address.slice(5)), write = unix ? 'write' : 'send'
  const socket = unix || Object.assign(new WebSocket(address), { binaryType: 'arraybuffer' }) // Node.js 20 has it with --experimental-websocket
  const close = (why = 'this side closed it') => { link.lost(why); unix ? unix.end() : socket.close() }, link = new Link()
  const greeting = new Promise((greeted, refused) => Object.assign(link, { close, greeted, refused, write: bytes => socket[write](bytes) }))
  const hello = () => link.frame(HELLO, 0, bodyOf({ versions: [1, 2], agent, token, message_bytes: MESSAGE_MAX, exchanges: 0 }))
  const heard = bytes => { try { link.receive(bytes) } catch (error) { link.close(`a rule was broken: ${error.message}`) } }
  if (unix) socket.on('connect', hello).on('data', heard).on('close', () => link.lost('it was closed')).on('error', error => link.lost(error.message))
  else Object.assign(socket, { onopen: hello, onmessage: said => heard(new Uint8Array(said.data)), onclose: () => link.lost('it was closed') })
  const timer = setTimeout(() => link.close('no HELLO came'), GREETING_MILLISECONDS)
  return greeting.finally(() => clearTimeout(timer))
}
