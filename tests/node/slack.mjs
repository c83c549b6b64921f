// Slack's end of interactions, by Slack's own SDK (@slack/bolt). One JSON object a line in, one out:
//   {"secret", "payload", "time"}  ->  {"body", "signature", "valid", "handled"}
// The signature is the one that Bolt's own verification computes for this body; `valid` is what Bolt then says of the request, and `handled` is what a
// Bolt app with a button handler made of it, so the payload is one that Slack's SDK takes for a press of a button.
import { createRequire } from 'node:module'
import readline from 'node:readline'

const require = createRequire(import.meta.url)
const inBolt = createRequire(require.resolve('@slack/bolt'))
// Bolt compares what it computed with what came; that comparison is where its signature can be seen.
const path = inBolt.resolve('tsscmp')
const compare = inBolt('tsscmp')
let computed = null
require.cache[path].exports = Object.assign((given, own) => { computed = own; return compare(given, own) }, compare)
const { App, HTTPReceiver, isValidSlackRequest } = require('@slack/bolt')

function sign (secret, body, time) {
  const headers = { 'x-slack-request-timestamp': time, 'x-slack-signature': 'v0=' + '0'.repeat(64) }
  isValidSlackRequest({ signingSecret: secret, body, headers, nowMilliseconds: time * 1000 })
  return 'v0=' + computed
}

async function handledBy (secret, body, time, signature) {
  const receiver = new HTTPReceiver({ signingSecret: secret, endpoints: '/slack/interactions', logLevel: 'error' })
  const app = new App({ receiver, tokenVerificationEnabled: false, logLevel: 'error', authorize: async () => ({ botToken: 'xoxb-test', botId: 'B0', botUserId: 'U0' }) })
  let handled = null
  app.action(/^(grant|deny):/, async ({ ack, action, body }) => {
    handled = { action: action.action_id, type: action.type, user: body.user.id, channel: body.channel.id }
    await ack()
  })
  const server = await app.start({ port: 0, host: '127.0.0.1' })
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/slack/interactions`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': String(time), 'x-slack-signature': signature }
  })
  await app.stop()
  return { status: answer.status, ...handled }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const q = JSON.parse(line)
  const body = 'payload=' + encodeURIComponent(JSON.stringify(q.payload)).replace(/%20/g, '+')
  const signature = sign(q.secret, body, q.time)
  const headers = { 'x-slack-request-timestamp': q.time, 'x-slack-signature': signature }
  const valid = isValidSlackRequest({ signingSecret: q.secret, body, headers, nowMilliseconds: q.time * 1000 })
  const handled = q.handle ? await handledBy(q.secret, body, q.time, signature) : null
  console.log(JSON.stringify({ body, signature, valid, handled }))
}
