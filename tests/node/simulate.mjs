// Asks @cloud-copilot/iam-simulate what policies allow. Standard input: {"account", "principal", "cases": [{"policy", "session"?, "requests": [{"action",
// "resource", "account"?, "context"?}]}]}; standard output: for each case a list of "allowed", "denied: WHY", "error: WHAT".
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { readFileSync } from 'node:fs'

const job = JSON.parse(readFileSync(0, 'utf8'))
const everything = [{ orgIdentifier: 'r-root', policies: [{ name: 'all', policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }] }]

async function ask (c, r) {
  const simulation = {
    request: {
      principal: job.principal,
      action: r.action,
      resource: { resource: r.resource, accountId: r.account ?? job.account },
      contextVariables: r.context ?? {}
    },
    identityPolicies: [{ name: 'ours', policy: c.policy }],
    sessionPolicy: c.session,
    serviceControlPolicies: everything,
    resourceControlPolicies: []
  }
  const result = await runSimulation(simulation, {})
  if (result.resultType === 'error') return 'error: ' + JSON.stringify(result.errors)
  return result.overallResult === 'Allowed' ? 'allowed' : 'denied: ' + result.overallResult
}

const out = []
for (const c of job.cases) {
  const answers = []
  for (const r of c.requests) answers.push(await ask(c, r))
  out.push(answers)
}
console.log(JSON.stringify(out))
