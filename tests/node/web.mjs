// Uses the server's page with a real browser, mostly by keyboard: node web.mjs URL TOKEN DIRECTORY [keep|login]. What was seen, as JSON; pictures in DIRECTORY.
import puppeteer from 'puppeteer-core'

const [url, token, dir] = process.argv.slice(2)
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ['--no-sandbox', '--disable-gpu', '--lang=en'] })
const out = { problems: [], foreign: [] }
try {
  const page = await browser.newPage()
  await page.setViewport({ width: 1280, height: 900 })
  // Being told 401 is no problem: the page asks before anybody has logged in; nor is 404, for it is asked for what is not there.
  page.on('console', m => { if (!/status of 40[14]/.test(m.text())) out.problems.push(m.type() + ': ' + m.text()) })
  page.on('pageerror', e => out.problems.push('error: ' + e))
  page.on('dialog', d => { out.problems.push('dialog: ' + d.message()); d.dismiss() })
  page.on('request', r => { if (!r.url().startsWith(url) && !r.url().startsWith('data:')) out.foreign.push(r.url()) })
  await page.evaluateOnNewDocument(() => {
    window.violations = []
    document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI))
  })
  const text = selector => page.$eval(selector, e => e.innerText)
  const until = (fn, ...args) => page.waitForFunction(fn, { timeout: 20000, polling: 50 }, ...args)
  const heading = h => until(h => document.querySelector('h1')?.innerText.startsWith(h), h)
  const press = async (key, n = 1) => { for (let i = 0; i < n; i++) await page.keyboard.press(key) }
  // Tabs on to what has the focus then, as somebody without a mouse does.
  const tabTo = async (test, what) => {
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab')
      if (await page.evaluate(test)) return
    }
    throw new Error('the keyboard does not get to ' + what)
  }

  // Logging in: wrongly, then rightly. The field has the focus.
  await page.goto(url + '/', { waitUntil: 'load' })
  await page.waitForSelector('#token')
  await page.keyboard.type('not-the-token-at-all')
  await press('Enter')
  await until(() => document.querySelector('#login-error').innerText)
  out.wrong = await text('#login-error')
  await page.screenshot({ path: dir + '/login.png' })
  await page.keyboard.type(token) // what was typed is selected
  await press('Enter')
  await heading('Runs')
  await page.waitForSelector('#runs tr')
  out.cookies = (await browser.cookies()).map(c => ({ name: c.name, httpOnly: c.httpOnly, sameSite: c.sameSite, path: c.path, length: c.value.length }))
  out.seesCookie = await page.evaluate(() => document.cookie)
  out.runs = await page.$$eval('#runs tr', rows => rows.map(r => r.innerText))
  out.banner = await text('#banners')
  out.focusAfterLogin = await page.evaluate(() => document.activeElement.tagName)
  await page.screenshot({ path: dir + '/runs.png' })

  // A run by keyboard: to its link, Enter; its calls unfolded with Enter.
  await tabTo(() => document.activeElement.innerText === 'tagger', 'a run')
  await press('Enter')
  await heading('tagger')
  await page.waitForSelector('#timeline')
  out.run = await text('main')
  out.bars = await page.$$eval('.bar', bars => bars.map(b => [parseFloat(b.style.left), b.getBoundingClientRect().width]))
  out.hidden = await page.$$eval('details ul', l => l.filter(u => u.checkVisibility()).length)
  await tabTo(() => document.activeElement.tagName === 'SUMMARY', 'the calls')
  await press('Enter')
  await until(() => document.querySelector('details[open]'))
  out.calls = await text('details[open]')
  // Drawn anew, it stays unfolded and keeps the focus.
  await page.evaluate(() => { shown = ''; return show(false) })
  out.kept = await page.evaluate(() => [document.querySelectorAll('details[open]').length, document.activeElement.tagName])
  await page.screenshot({ path: dir + '/run.png', fullPage: true })
  out.evidence = await page.evaluate(async () => {
    const r = await fetch(document.getElementById('evidence').href)
    return { status: r.status, disposition: r.headers.get('Content-Disposition'), body: await r.text() }
  })

  // Approvals.
  await page.evaluate(() => { location.hash = '#/approvals' })
  await heading('Open approvals')
  await tabTo(() => document.activeElement.tagName === 'SUMMARY', 'the values')
  await press('Enter')
  await until(() => document.querySelector('details[open]'))
  out.approvals = await text('main')
  await page.screenshot({ path: dir + '/approvals.png', fullPage: true })

  // Every run, so that every text is shown somewhere.
  out.pages = {}
  const ids = await page.evaluate(async () => (await (await fetch('../api/runs?max=100')).json()).runs.map(r => r.id))
  for (const id of ids) {
    await page.evaluate(id => { location.hash = '#/run/' + id }, id)
    await until(id => document.querySelector('main').innerText.includes(id) && document.querySelector('#timeline, main .quiet'), id)
    out.pages[id] = await text('main')
  }
  await page.evaluate(() => { location.hash = '#/run/run-nonsense%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E' })
  await until(() => document.querySelector('main').innerText.includes('no such run'))
  out.nonsense = await text('main')

  // Filters, paging, and by pressing Enter.
  await page.evaluate(() => { location.hash = '#/runs?max=2' })
  await heading('Runs')
  await until(() => document.querySelectorAll('#runs tr').length === 2)
  await page.click('#more')
  await until(() => document.querySelectorAll('#runs tr').length > 2)
  await page.select('select[name=status]', 'failed')
  await until(() => document.querySelectorAll('#runs tr').length === 1)
  out.failed = await text('#runs')
  await page.select('select[name=status]', '')
  await until(() => document.querySelectorAll('#runs tr').length > 2)
  await page.type('input[name=playbook]', 'stopper')
  await press('Enter')
  await until(() => document.querySelectorAll('#runs tr').length === 1)
  out.filtered = [await text('#runs'), await page.evaluate(() => location.hash)]

  // What the text did to the page: nothing.
  out.made = await page.evaluate(() => ({ pwned: window.pwned ?? null, scripts: document.scripts.length, images: document.images.length, violations: window.violations }))

  // Narrow and dark.
  await page.setViewport({ width: 390, height: 844 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  await page.evaluate(() => { location.hash = '#/runs' })
  await until(() => document.querySelectorAll('#runs tr').length > 2)
  out.narrow = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth, getComputedStyle(document.body).backgroundColor])
  await page.screenshot({ path: dir + '/narrow.png' })
  await page.evaluate(id => { location.hash = '#/run/' + id }, ids[ids.length - 1])
  await heading('tagger')
  out.narrowRun = await page.evaluate(() => document.documentElement.scrollWidth)
  await page.screenshot({ path: dir + '/narrow-run.png' })
  await page.setViewport({ width: 1280, height: 900 })
  await page.screenshot({ path: dir + '/dark.png' })

  // The session is known no more: one logs in again. Then out, and the old cookie is worth nothing.
  const old = (await browser.cookies())[0]
  await browser.setCookie({ ...old, value: '0'.repeat(64) })
  await page.evaluate(() => show(false))
  await page.waitForSelector('#token')
  out.expired = await text('#login-error')
  await page.keyboard.type(token)
  await press('Enter')
  await heading('tagger')
  const session = (await browser.cookies())[0].value
  await page.click('#logout')
  await page.waitForSelector('#token')
  out.loggedOut = [await text('#login-error'), (await browser.cookies()).length, await page.evaluate(async () => (await fetch('../api/runs')).status)]
  out.session = session
} catch (e) {
  out.failed_at = String(e.stack || e)
} finally {
  await browser.close()
}
console.log(JSON.stringify(out))
