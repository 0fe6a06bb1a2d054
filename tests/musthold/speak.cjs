// Sends the plan with the real client for Node: node speak.cjs HOST KEY COUNT FLUSH_AT RATE
// Prints {"failed": [message ids that the client reported as not delivered]}.
const { Analytics } = require('@segment/analytics-node')

const NAMES = ['Product Viewed', 'Product List Viewed', 'Products Searched']
const PEOPLE = 400
const [host, writeKey, count, flushAt, rate] = process.argv.slice(2)

async function main() {
  const analytics = new Analytics({
    host,
    writeKey,
    flushAt: Number(flushAt),
    flushInterval: 500,
    maxRetries: 60,
    httpRequestTimeout: 15000,
  })
  const failed = []
  analytics.on('error', (error) => failed.push(error.ctx ? error.ctx.event.messageId : String(error.reason)))
  const started = Date.now()
  for (let number = 0; number < Number(count); number++) {
    analytics.track({
      userId: `u-${number % PEOPLE}`,
      event: NAMES[number % 3],
      messageId: `node-${number}`,
      properties: { product_id: `p${number % 50}` },
    })
    const ahead = (number / Number(rate)) * 1000 - (Date.now() - started)
    if (ahead > 50) await new Promise((resolve) => setTimeout(resolve, ahead))
  }
  await analytics.closeAndFlush({ timeout: 120000 })
  console.log(JSON.stringify({ failed }))
}

main()
