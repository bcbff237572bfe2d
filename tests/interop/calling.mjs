// Does with sdk/js/micro.js what a program does, and prints what came of it: node calling.mjs ADDRESS TOKEN
import { connect, Fault } from '../../sdk/js/micro.js'

const [address, token] = process.argv.slice(2)
const said = {}
const tried = async work => { try { return await work() } catch (fault) { if (!(fault instanceof Fault)) throw fault; return { code: fault.code, refused: fault.refused } } }

said.wrong = await tried(async () => (await connect(address, { token: 'wrong' })).call('greeter', 'Say.Hello'))
const link = await connect(address, { token })
said.called = await link.call('greeter', 'Say.Hello', { name: 'Ann' })
said.together = await Promise.all(Array.from({ length: 100 }, (_, name) => link.call('greeter', 'Say.Hello', { name: `${name}` })))
said.failed = await tried(() => link.call('greeter', 'Say.Fail', { code: 409 }))
said.missing = await tried(() => link.call('nobody', 'Say.Hello'))
said.late = await tried(() => link.call('greeter', 'Say.Slow', {}, { seconds: 0.3 }))
said.large = (await link.call('greeter', 'Say.Hello', { name: 'x'.repeat(3_000_000) })).result.length
said.bytes = [...await link.call('greeter', 'Say.Echo', new Uint8Array([0, 255, 1]))]
said.tooLarge = await tried(() => link.call('greeter', 'Say.Echo', new Uint8Array(4_194_305)))
said.badHeader = await tried(() => link.call('gree\nter', 'Say.Hello'))

const counted = []
for await (const message of link.stream('greeter', 'Say.Count', { to: 3 })) counted.push(message.result)
said.counted = counted
const summing = link.stream('greeter', 'Say.Sum')
for (let n = 0; n < 20_000; n++) await summing.send({ result: n }) // more than fits into any window
summing.end()
for await (const { result } of summing) said.sum = result
const room = link.stream('greeter', 'Say.Room', { prefix: '*' })
const echoed = []
await room.send({ result: 'a' })
for await (const message of room) { // both ways, turn by turn
  echoed.push(message.result)
  if (echoed.length < 3) await room.send({ result: 'b'.repeat(200_000 * echoed.length) }); else room.end()
}
said.echoed = echoed.map(each => each.length)
let forever = 0
for await (const message of link.stream('greeter', 'Say.Forever')) if (message.result.length === 1000 && ++forever === 2_000) break // much more than a window, then left
said.forever = forever
const breaking = []
said.broke = await tried(async () => { for await (const message of link.stream('greeter', 'Say.Breaks', { after: 2 })) breaking.push(message.result) })
said.breaking = breaking

const notes = await link.subscribe('notes', { queue: 'archive' })
await link.publish('notes', { n: 1 }, { id: 'one' })
await link.publish('notes', { n: 1 }, { id: 'one' })
await link.publish('notes', new TextEncoder().encode('two'), { id: 'two' })
const heard = []
for await (const event of notes) {
  heard.push([event.headers['micro-id'], event.headers['micro-attempt'] ?? '1', event.headers['content-type'], event.body.length])
  if (heard.length === 1) event.nack(); else event.ack()
  if (heard.length === 3) break
}
said.heard = heard.sort()
const listening = await link.subscribe('news')
for (let n = 0; n < 3; n++) await link.publish('news', { n })
const news = []
for await (const event of listening) if (news.push(event.value.n) === 3) break
said.news = news
said.badQueue = await tried(() => link.subscribe('news', { queue: 'no queue is called so' }))

const waiting = tried(() => link.call('greeter', 'Say.Slow'))
link.close()
said.unknown = await waiting
said.afterwards = await tried(() => link.call('greeter', 'Say.Hello'))
console.log(JSON.stringify(said))
