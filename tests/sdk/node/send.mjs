// Sends events with the real client and prints how many it gave up on.
// node send.mjs HOST WRITE_KEY COUNT FLUSH_AT PAUSE_MS
import { Analytics } from '@segment/analytics-node'

const [host, writeKey, count, flushAt, pauseMs] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushAt: Number(flushAt), maxRetries: 12 })
const failures = []
analytics.on('error', (error) => failures.push(String(error.reason ?? error.code)))

analytics.identify({ userId: 'node-user', traits: { email: 'ada@example.com', name: 'Ada 🍞' } })
analytics.page({ userId: 'node-user', name: 'Bread' })
analytics.group({ userId: 'node-user', groupId: 'household' })
analytics.alias({ userId: 'node-user', previousId: 'node-visitor' })
analytics.screen({ userId: 'node-user', name: 'Cart' })
for (let number = 0; number < Number(count); number++) {
  analytics.track({
    userId: 'node-user',
    event: 'Product Viewed',
    messageId: `node-${number}`,
    properties: { product_id: String(number), price: 4.2, text: 'x'.repeat(300) },
  })
  if (Number(pauseMs) && number % 50 === 0) {
    await new Promise((resolve) => setTimeout(resolve, Number(pauseMs)))
  }
}
await analytics.closeAndFlush({ timeout: 200000 })
console.log(JSON.stringify({ failures }))
