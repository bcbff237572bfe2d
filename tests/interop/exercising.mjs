// Has sdk/js/micro.js do what the conformance kit says: node exercising.mjs ADDRESS
import { connect, Fault } from '../../sdk/js/micro.js'

const link = await connect(process.argv[2])

async function streamed({ service, endpoint, value, send, count = 0, size = 0 }) {
  const stream = link.stream(service, endpoint, value), came = []
  const sending = (async () => {
    for (const message of [...send, ...Array(count).fill('x'.repeat(size))]) await stream.send(message)
    stream.end()
  })()
  for await (const message of stream) came.push(message)
  await sending.catch(() => {}) // the stream was over, which the loop told
  return came
}

async function subscribed({ topic, queue, then }) {
  const came = []
  for await (const event of await link.subscribe(topic, { queue })) {
    const word = then[came.push(event.value) - 1]
    if (word !== 'take') event[word]()
    if (came.length === then.length) break
  }
  return came
}

const doing = {
  call: ({ service, endpoint, value, seconds }) => link.call(service, endpoint, value, { seconds }),
  stream: streamed,
  publish: async ({ topic, value, id }) => { await link.publish(topic, value, { id }); return null },
  subscribe: subscribed,
}

let did = null
for (;;) {
  const { task } = await link.call('conformance', 'Kit.Next', { did })
  if (!task) break
  try { did = await doing[task.do](task) } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    did = { code: fault.code, refused: fault.refused }
  }
}
link.close()
