// The page about runs: what the server's /api says, shown as text. Nothing here makes HTML out of texts: they are an attacker's to choose.
// It asks anew each five seconds, and says so loudly when there is no answer.
'use strict'

const REFRESH_MS = 5000
const PAGE = 50
const MOST = 1000
const STATUSES = ['active', 'waiting', 'ended', 'undone', 'done', 'skipped', 'stopped', 'failed', 'denied']
const SINCE = [['', 'any time'], ['1h', 'the last hour'], ['24h', 'the last 24 hours'], ['7d', 'the last 7 days'], ['30d', 'the last 30 days']]
const TONES = {
  done: 'good', succeeded: 'good', granted: 'good', approves: 'good', allowed: 'good',
  failed: 'bad', denied: 'bad', orphaned: 'bad', unanswered: 'bad', denies: 'bad', refused: 'bad', kill_switch: 'bad', approval_message_failed: 'bad',
  waiting: 'warn', planned: 'warn', stopped: 'warn', undone: 'warn', undo: 'warn', approval_asked: 'warn', open: 'warn', expired: 'warn',
  active: 'busy', undoing: 'busy', resumed: 'busy',
}
const WORDS = {
  succeeded: 'ok', already_done: 'already done', approval_asked: 'asked', approval_escalated: 'escalated', kill_switch: 'kill switch', resumed: 'resumed',
  approval_message_failed: 'not sent', undo: 'undo', approval: 'decided',
}

const $ = id => document.getElementById(id)
const main = $('main')
let shown = '' // what the view shows now, as text: it is drawn anew only when that changes
let last = null // when the server last answered
let timer = 0
let turn = 0 // counts views, so that an answer that comes too late is not shown
let loggedIn = false
let justNow = false // the token was right: what follows must not be a 401

// ---- making elements ----

// Characters that steer a display rather than show something: a line must not read differently from what it says.
const UNSAFE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd]|[\u{e0000}-\u{e0fff}]/gu
const plain = text => String(text).replace(UNSAFE, '\u00bf')

function el(tag, attributes, ...children) {
  const e = document.createElement(tag)
  for (const [k, v] of Object.entries(attributes || {})) {
    if (v === undefined || v === null || v === false) continue
    if (k === 'class') e.className = v
    else if (k.startsWith('on')) e.addEventListener(k.slice(2), v)
    else e.setAttribute(k, v === true ? '' : v)
  }
  add(e, children)
  return e
}

function add(e, children) {
  for (const c of children.flat(Infinity)) {
    if (c === undefined || c === null || c === false || c === '') continue
    e.append(c instanceof Node ? c : document.createTextNode(plain(c)))
  }
}

const word = (name, text) => el('span', { class: 'word ' + (TONES[name] || 'dim') }, text || WORDS[name] || name)
const value = v => typeof v === 'string' ? v : JSON.stringify(v)
const runLink = (id, ...children) => el('a', { href: '#/run/' + encodeURIComponent(id), 'data-key': 'run ' + id }, ...children)

function list(pairs) {
  const dl = el('dl')
  for (const [k, v] of pairs) if (v !== undefined && v !== null && v !== '' && v.length !== 0) dl.append(el('dt', null, k), el('dd', null, v))
  return dl
}

// ---- times ----

const at = text => text ? Date.parse(text) : NaN
const clock = ms => new Date(ms).toISOString().slice(11, 23)
const day = ms => new Date(ms).toISOString().slice(0, 10)

function took(ms) {
  if (ms === undefined || ms === null) return ''
  if (ms < 1000) return ms + ' ms'
  if (ms < 60000) return (ms / 1000).toFixed(1) + ' s'
  if (ms < 3600000) return Math.floor(ms / 60000) + ' min ' + Math.floor(ms % 60000 / 1000) + ' s'
  return Math.floor(ms / 3600000) + ' h ' + Math.floor(ms % 3600000 / 60000) + ' min'
}

function fromNow(ms, now) {
  const d = Math.abs(ms - now)
  const text = d < 60000 ? Math.floor(d / 1000) + ' s' : d < 7200000 ? Math.floor(d / 60000) + ' min' : d < 172800000 ? Math.floor(d / 3600000) + ' h' : Math.floor(d / 86400000) + ' d'
  return ms > now ? 'in ' + text : text + ' ago'
}

const when = (text, now) => el('time', { datetime: text, title: text }, fromNow(at(text), now))
// A point in time whose distance to now is not drawn anew each time.
const moment = text => el('time', { datetime: text }, text.slice(0, 19).replace('T', ' ') + ' UTC')

// ---- asking the server ----

class Refused extends Error {}
class Missing extends Error {}

async function ask(path) {
  const r = await fetch('../api/' + path, { headers: { Accept: 'application/json' }, cache: 'no-store', credentials: 'same-origin' })
  const body = await r.json()
  if (r.status === 401) throw new Refused('401')
  if (r.status === 404) throw new Missing(body.error)
  if (!r.ok) throw new Error(body.error || 'status ' + r.status)
  last = Date.now()
  return body
}

// ---- login ----

function login(message) {
  stop()
  turn++
  loggedIn = justNow = false
  shown = ''
  $('top').hidden = true
  $('banners').replaceChildren()
  document.title = 'Log in \u2013 pbrun'
  const input = el('input', { id: 'token', name: 'token', type: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false' })
  const error = el('p', { class: 'error', role: 'alert', id: 'login-error' }, message)
  const form = el('form', { class: 'login', method: 'post', action: 'login', onsubmit: async e => {
    e.preventDefault()
    error.textContent = ''
    try {
      const r = await fetch('login', { method: 'POST', body: new URLSearchParams({ token: input.value }), credentials: 'same-origin' })
      if (r.status === 204) {
        justNow = true
        return begin()
      }
      error.textContent = r.status === 429 ? 'Too many tries. Wait a minute.' : r.status === 401 ? 'That is not the token.' : 'The server cannot log you in just now.'
    } catch {
      error.textContent = 'The server does not answer.'
    }
    input.select()
    input.focus()
  } }, el('h1', null, 'pbrun'), el('input', { type: 'text', name: 'username', value: 'pbrun', autocomplete: 'username', hidden: true, 'aria-hidden': 'true' }),
  el('label', { for: 'token' }, 'Token of this page'), input, el('button', { class: 'main' }, 'Log in'), error,
  el('p', { class: 'quiet' }, 'It lets you read. Approvals are answered in Slack, on the command line, or by a link of your own.'))
  main.replaceChildren(form)
  input.focus()
}

async function logout() {
  try {
    await fetch('logout', { method: 'POST', credentials: 'same-origin' })
  } catch { /* the page forgets either way */ }
  login('You are logged out.')
}

// ---- the frame ----

function banners(state) {
  const out = []
  for (const s of state ? state.switches : []) {
    const what = s.state === 'on' ? 'Kill switch on: nothing is changed' : 'Kill switch at observe: changes are held back'
    out.push(el('div', { class: s.state === 'on' ? 'stop' : 'warn', 'data-banner': 'switch' }, what, s.scope === 'global' ? '' : ' (' + s.scope + ')', '. Since ', moment(s.since), ', by ', s.who, s.reason ? ': ' : '', s.reason))
  }
  return out
}

function frame(state, view) {
  $('top').hidden = false
  for (const name of ['runs', 'approvals']) {
    if (name === view) $('nav-' + name).setAttribute('aria-current', 'page')
    else $('nav-' + name).removeAttribute('aria-current')
  }
  $('count-runs').textContent = state.counts.active + state.counts.waiting || ''
  $('count-runs').title = 'not ended yet'
  $('count-approvals').textContent = state.approvals_open || ''
  $('clock').textContent = 'as of ' + clock(at(state.now)).slice(0, 8) + ' UTC'
  same($('banners'), JSON.stringify(state.switches), () => banners(state))
}

function same(e, text, make) {
  if (e.dataset.shown === text) return
  e.dataset.shown = text
  e.replaceChildren(...make())
}

function trouble(error) {
  const since = last ? 'What you see is from ' + clock(last).slice(0, 8) + ' UTC. ' : ''
  same($('banners'), 'trouble ' + error.message + since, () => [el('div', { class: 'stop' }, error instanceof TypeError ? 'The server does not answer. ' : 'The server says: ' + error.message + '. ', since, 'Trying again.')])
}

// ---- runs ----

function about(run, now) {
  if (run.state === 'waiting' && !isNaN(at(run.waits_for))) return ['waits until ', moment(run.waits_for), ' (', when(run.waits_for, now), ')']
  if (run.state === 'waiting') return ['waits for ', run.waits_for || 'something', run.wake_at ? [' (looks again ', when(run.wake_at, now), ')'] : '']
  if (run.state === 'orphaned') return 'its process is gone; it is taken up again soon, or by pbrun resume'
  return [run.resource, run.resource && run.reason ? ': ' : '', run.reason]
}

function runRow(run, now) {
  return el('tr', null,
    el('td', { class: 'state' }, word(run.state), run.mode === 'live' ? '' : el('div', { class: 'quiet' }, run.mode)),
    el('td', { class: 'time' }, when(run.started, now)),
    el('td', null, runLink(run.id, run.playbook), el('span', { class: 'id mono quiet' }, run.id)),
    el('td', null, el('div', { class: 'about' }, about(run, now))),
    el('td', { class: 'quiet where' }, run.account, run.account ? el('br') : '', run.region))
}

function filters(q) {
  const go = e => {
    if (e.type === 'submit') e.preventDefault()
    const f = new FormData(form)
    const next = new URLSearchParams()
    for (const k of ['status', 'playbook', 'incident', 'since']) if (f.get(k)) next.set(k, f.get(k).trim())
    location.hash = '#/runs' + (next.size ? '?' + next : '')
  }
  const option = (v, text, chosen) => el('option', { value: v, selected: v === chosen }, text)
  const form = el('form', { class: 'filters', role: 'search', 'aria-label': 'Filter runs', onsubmit: go },
    el('label', null, 'State', el('select', { name: 'status', 'data-key': 'status', onchange: go }, option('', 'any', ''), STATUSES.map(s => option(s, s, q.get('status'))))),
    el('label', null, 'Began in', el('select', { name: 'since', 'data-key': 'since', onchange: go }, SINCE.map(([v, t]) => option(v, t, q.get('since') || '')))),
    el('label', null, 'Playbook', el('input', { name: 'playbook', 'data-key': 'playbook', value: q.get('playbook') || '', autocomplete: 'off' })),
    el('label', null, 'Incident', el('input', { name: 'incident', 'data-key': 'incident', value: q.get('incident') || '', autocomplete: 'off', placeholder: 'INC-\u2026' })),
    el('button', null, 'Show'))
  return form
}

async function viewRuns(q) {
  const max = Math.min(Number(q.get('max')) || PAGE, MOST)
  const ask1 = new URLSearchParams(q)
  ask1.set('max', max)
  const { runs, now } = await ask('runs?' + ask1)
  const t = at(now)
  const more = new URLSearchParams(q)
  more.set('max', Math.min(max + PAGE, MOST))
  return {
    title: 'Runs', key: JSON.stringify([q.toString(), runs.map(r => [r, fromNow(at(r.started), t)])]), say: runs.length + ' runs',
    make: () => [el('h1', { tabindex: '-1' }, 'Runs'), filters(q),
      runs.length === 0 ? el('p', { class: 'box' }, 'No such runs.') : el('div', { class: 'scroll' }, el('table', null,
        el('caption', { class: 'unseen' }, 'Runs, newest first'),
        el('thead', null, el('tr', null, ['State', 'Began', 'Playbook', 'About', 'Where'].map(h => el('th', { scope: 'col' }, h)))),
        el('tbody', { id: 'runs' }, runs.map(r => runRow(r, t))))),
      runs.length >= max && max < MOST ? el('p', null, el('a', { href: '#/runs?' + more, 'data-key': 'more', id: 'more' }, 'Show older runs')) : '',
    ],
  }
}

// ---- approvals ----

function decisions(a) {
  return a.decisions && a.decisions.length ? el('ul', null, a.decisions.map(d => el('li', null,
    word(d.verdict === 'grant' ? 'approves' : d.verdict === 'deny' ? 'denies' : 'refused'), ' ', d.person, ', via ', d.via, ', ', moment(d.at), d.reason ? ': ' : '', d.reason))) : ''
}

function howTo(run) {
  return el('div', null, el('p', null, 'This page cannot tell who you are, so it takes no answers. Answer in Slack, or:'),
    el('p', null, el('code', null, 'pbrun approve ' + run), ' or ', el('code', null, 'pbrun deny ' + run + ' --reason WHY')),
    el('p', null, 'Ask whoever runs pbrun for a link of your own: ', el('code', null, 'pbrun approve ' + run + ' --link --for NAME')))
}

// {i: {state: "running"}} as lines "i.state: running".
function leaves(v, path = '') {
  const inside = v !== null && typeof v === 'object' ? Object.entries(v) : []
  if (!inside.length) return [el('div', null, el('span', { class: 'quiet' }, path + ': '), value(v))]
  return inside.flatMap(([k, x]) => leaves(x, Array.isArray(v) ? path + '[' + k + ']' : path ? path + '.' + k : k))
}

const folded = (key, title, v) => v && Object.keys(v).length
  ? el('details', { 'data-open': key }, el('summary', { 'data-key': key }, title), el('div', { class: 'leaves mono' }, leaves(v))) : ''

function approvalBox(a, now, withRun) {
  const body = a.body || {}
  const facts = body.about || {}
  return el('section', { class: 'box attention', 'aria-label': 'Approval' }, el('h2', null, a.question),
    list([['Run', withRun ? runLink(a.run, a.run) : ''], ['Playbook', facts.playbook], ['Threat', facts.threat], ['Account', facts.account], ['Region', facts.region], ['Resource', facts.resource],
      ['Asked', moment(a.asked)], ['Expires', [moment(a.expires), ', ', when(a.expires, now)]], ['Approved by', [String(a.grants || 0), ' of ', String(a.quorum)]],
      ['May answer', (a.people || []).join(', ')], ['May not', (a.excluded || []).join(', ')]]),
    body.changes && body.changes.length ? [el('p', { class: 'why' }, 'Changed since it was approved before:'), el('ul', null, body.changes.map(c => el('li', null, value(c))))] : '',
    folded('values ' + a.id, 'What the steps behind it will use', body.values), folded('state ' + a.id, 'State of the targets when it was asked', body.state),
    decisions(a), howTo(a.run))
}

async function viewApprovals() {
  const { approvals, now } = await ask('approvals')
  const t = at(now)
  return {
    title: 'Approvals', key: JSON.stringify(approvals.map(a => [a, fromNow(at(a.expires), t)])), say: approvals.length + ' open approvals',
    make: () => [el('h1', { tabindex: '-1' }, 'Open approvals'), approvals.length ? approvals.map(a => approvalBox(a, t, true)) : el('p', { class: 'box' }, 'Nothing waits for an approval.')],
  }
}

// ---- one run ----

function bar(step, from, span, now) {
  const begin = at(step.started)
  if (isNaN(begin) || span <= 0) return el('div', { class: 'track', 'aria-hidden': 'true' })
  const ms = step.took_ms === undefined ? Math.max(now - begin, 0) : step.took_ms
  const b = el('div', { class: 'bar ' + (TONES[step.status] || 'dim') })
  const left = Math.min(Math.max((begin - from) / span, 0), 1)
  b.style.left = (left * 100).toFixed(2) + '%'
  b.style.width = (Math.min(ms / span, 1 - left) * 100).toFixed(2) + '%'
  return el('div', { class: 'track', 'aria-hidden': 'true' }, b)
}

const wrong = e => e ? el('div', { class: 'why' }, e.code, e.code && e.message ? ': ' : '', e.message) : ''

function callLine(c) {
  const more = [c.account, c.region, c.request_id ? 'request ' + c.request_id : '', c.http_status ? 'HTTP ' + c.http_status : '', c.detail].filter(Boolean).join(', ')
  return el('li', null, word(c.status), ' ', el('span', { class: 'mono' }, c.name), ' ', el('span', { class: 'quiet' }, took(c.took_ms), c.attempts > 1 ? ', ' + c.attempts + ' tries' : ''),
    more ? el('div', { class: 'quiet' }, more) : '', wrong(c.error))
}

function stepLine(s, from, span, now) {
  const guards = (s.guards || []).map(g => el('div', null, word(g.verdict, 'guard ' + g.guard + ': ' + g.verdict), g.detail ? ' ' + g.detail : ''))
  const calls = s.calls || []
  return el('li', { class: 'step' }, el('span', { class: 'at' }, isNaN(at(s.started)) ? '' : clock(at(s.started))), word(s.status),
    el('div', { class: 'what' }, el('b', null, s.name), s.target ? ' ' : '', s.target ? el('span', { class: 'mono' }, s.target) : '', s.attempts > 1 ? ' (' + s.attempts + ' tries)' : '',
      s.detail ? el('div', { class: 'quiet' }, s.detail) : '', wrong(s.error), guards,
      calls.length ? el('details', { 'data-open': 'calls ' + s.id + ' ' + s.started }, el('summary', { 'data-key': 'calls ' + s.id + ' ' + s.started }, 'step ' + s.id + ', ' + calls.length + (calls.length === 1 ? ' call' : ' calls')), el('ul', null, calls.map(callLine))) : ''),
    bar(s, from, span, now), el('span', { class: 'took' }, took(s.took_ms)))
}

const noteLine = n => el('li', { class: 'note' }, el('span', { class: 'at' }, clock(at(n.at))), word(n.kind), el('div', { class: 'what' }, n.text))

function timeline(story, now) {
  const from = at(story.run.started)
  const ends = [story.run.ended ? at(story.run.ended) : now, ...story.steps.map(s => at(s.started) + (s.took_ms || 0)).filter(x => !isNaN(x))]
  const span = Math.max(...ends) - from
  const lines = [...story.steps.map(s => [at(s.started), 1, () => stepLine(s, from, span, now)]),
    ...story.notes.map(n => [at(n.at), n.kind === 'resumed' || n.kind === 'undo' ? 0 : 2, () => noteLine(n)])]
  lines.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const out = el('ol', { class: 'line', id: 'timeline' })
  let today = ''
  for (const [ms, , make] of lines) {
    if (!isNaN(ms) && day(ms) !== today) {
      today = day(ms)
      out.append(el('li', { class: 'day' }, today + ' (UTC)'))
    }
    out.append(make())
  }
  return lines.length ? out : el('p', { class: 'quiet' }, 'Nothing was done.')
}

function outcome(story) {
  const r = story.run
  if (!r.outcome) return ''
  const became = story.remediation_status && story.remediation_status !== r.outcome ? ', ' + story.remediation_status : ''
  return [r.outcome, became, r.code ? ' (' + r.code + ')' : '', r.reason ? ': ' : '', r.reason]
}

function runPage(id, story, open, now) {
  const r = story.run
  const e = story.event || {}
  const ended = r.ended && r.status !== 'active'
  return [el('p', null, el('a', { href: '#/runs', 'data-key': 'back' }, 'All runs')),
    el('h1', { tabindex: '-1' }, r.playbook, ' ', r.version, ' ', word(r.state)),
    (story.next || []).length ? el('div', { class: 'box attention' }, story.next.map(n => el('p', null, n))) : '',
    open.map(a => approvalBox(a, now, false)),
    list([['Run', el('span', { class: 'mono' }, r.id)], ['Incident', r.incident ? el('a', { href: '#/runs?incident=' + encodeURIComponent(r.incident), 'data-key': 'incident' }, r.incident) : ''],
      ['Event', [e.source, e.detail_type, e.id].filter(Boolean).join(', ')], ['Threat', r.threat], ['Where', [r.account, r.region].filter(Boolean).join(' ')], ['Resource', r.resource],
      ['Mode', r.mode === 'live' ? '' : r.mode], ['Note', e.note], ['Began', moment(r.started)], ['Took', ended ? took(r.took_ms) : ''], ['Waits for', r.waits_for], ['Outcome', outcome(story)],
      ...Object.entries(story.record || {}).map(([k, v]) => ['Record: ' + k, value(v)]),
      ...(story.not_undoable || []).map(n => ['Stays', 'step ' + n.step + ' ' + n.action + ': ' + n.why]),
      ['Image', el('span', { class: 'mono quiet' }, story.image)]]),
    el('p', { class: 'actions' }, ended ? el('a', { id: 'evidence', 'data-key': 'evidence', download: r.id + '.jsonl', href: '../api/runs/' + encodeURIComponent(id) + '/evidence' }, 'Download the evidence (JSON)') : ''),
    el('h2', null, 'What happened'), timeline(story, now),
    story.approvals && story.approvals.some(a => a.state !== 'open') ? [el('h2', null, 'Approvals'), story.approvals.filter(a => a.state !== 'open').map(a => el('section', { class: 'box' }, el('h3', null, a.question), el('p', null, word(a.state), ' ', a.reason), decisions(a)))] : '']
}

async function viewRun(id) {
  const story = await ask('runs/' + encodeURIComponent(id))
  const open = (story.approvals || []).some(a => a.state === 'open') ? (await ask('approvals')).approvals.filter(a => a.run === id) : []
  const going = !story.run.ended
  const now = Date.now()
  return {
    title: story.run.playbook + ' ' + story.run.state, key: JSON.stringify([story, open.map(a => [a, fromNow(at(a.expires), now)]), going && story.run.state === 'active' ? now : 0]), say: story.run.state,
    make: () => runPage(id, story, open, now),
  }
}

// ---- drawing ----

function route() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?')
  const q = new URLSearchParams(query || '')
  if (path.startsWith('run/')) return { name: 'run', load: () => viewRun(decodeURIComponent(path.slice(4))) }
  if (path === 'approvals') return { name: 'approvals', load: viewApprovals }
  return { name: 'runs', load: () => viewRuns(q) }
}

// The focus, what is unfolded and what was typed stay where they are.
function draw(view, fresh) {
  const focused = document.activeElement && document.activeElement.dataset.key
  const typed = new Map([...main.querySelectorAll('form.filters input')].map(i => [i.name, i.value]))
  const open = new Set([...main.querySelectorAll('details[open]')].map(d => d.dataset.open))
  const content = document.createDocumentFragment()
  add(content, view.make())
  main.replaceChildren(content)
  for (const d of main.querySelectorAll('details')) if (!fresh && open.has(d.dataset.open)) d.open = true
  for (const i of main.querySelectorAll('form.filters input')) if (!fresh && typed.has(i.name)) i.value = typed.get(i.name)
  document.title = plain(view.title) + ' \u2013 pbrun'
  if (fresh) {
    const h = main.querySelector('h1')
    if (h) h.focus({ preventScroll: true })
    scrollTo(0, 0)
    $('live').textContent = plain(view.say)
  } else if (focused) {
    for (const e of main.querySelectorAll('[data-key]')) if (e.dataset.key === focused) e.focus({ preventScroll: true })
  }
}

async function show(fresh) {
  const mine = fresh ? ++turn : turn
  stop()
  try {
    const r = route()
    const [state, view] = await Promise.all([ask('state'), r.load()])
    if (mine !== turn) return
    loggedIn = true
    frame(state, r.name)
    const key = location.hash + view.key
    if (fresh || key !== shown) draw(view, fresh)
    shown = key
  } catch (e) {
    if (mine !== turn) return
    if (e instanceof Refused) return login(loggedIn ? 'Your session has ended. Log in again.' : justNow ? 'Your browser keeps no cookie for this address. Come by https, at the address that the site block says.' : '')
    $('top').hidden = false
    if (e instanceof Missing) return draw({ title: 'Not found', say: 'not found', make: () => [el('h1', { tabindex: '-1' }, 'Not found'), el('p', { class: 'box' }, e.message + '.'), el('p', null, el('a', { href: '#/runs' }, 'All runs'))] }, true)
    trouble(e)
    if (fresh) main.replaceChildren(el('h1', { tabindex: '-1' }, 'Nothing to show'), el('p', null, el('a', { href: '#/runs' }, 'All runs')))
    shown = ''
  }
  timer = setTimeout(() => show(false), REFRESH_MS)
}

function stop() {
  clearTimeout(timer)
  timer = 0
}

const begin = () => show(true)

addEventListener('hashchange', () => { if (!$('top').hidden) begin() })
addEventListener('visibilitychange', () => {
  if (document.hidden) stop()
  else if (!$('top').hidden) show(false)
})
$('logout').addEventListener('click', logout)
document.querySelector('.skip').addEventListener('click', e => { e.preventDefault(); main.focus() })
begin()
