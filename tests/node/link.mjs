// Follows an approval's link with a real browser and presses a button on its page: node link.mjs URL grant|deny. What the page said, as JSON.
import puppeteer from 'puppeteer-core'

const [url, verdict] = process.argv.slice(2)
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage()
const requests = []
const problems = []
page.on('request', r => requests.push(r.method() + ' ' + new URL(r.url()).pathname.split('/')[1]))
page.on('console', m => problems.push(m.text()))
page.on('pageerror', e => problems.push(String(e)))
await page.goto(url, { waitUntil: 'load' })
const asked = await page.evaluate(() => document.body.innerText)
await page.type('textarea', 'seen in a browser')
await Promise.all([page.waitForNavigation(), page.click(`button[value=${verdict}]`)])
const answer = await page.evaluate(() => document.body.innerText)
await browser.close()
console.log(JSON.stringify({ asked, answer, requests, problems }))
