// Drives Chromium over a pipe, by the DevTools commands that are sent and no others. Playwright also has each page keep the
// bodies of its answers for an inspector (Network.enable), which costs a load some 200 MB and 20 ms a request.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const FLAGS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
]

/**
 * A page of a browser of its own.
 * @param {string} program path of Chromium
 * @param {string[]} flags
 * @param {string} profile folder
 */
export async function launch(program, flags, profile) {
  const browser = spawn(program, [...FLAGS, ...flags, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const ended = once(browser, 'exit')
  const [, , , commands, answers] = browser.stdio
  const waiting = new Map()
  const events = new Map()
  let text = ''
  answers.setEncoding('utf8').on('data', (piece) => {
    const messages = (text + piece).split('\0')
    text = messages.pop() ?? ''
    for (const { id, error, result, method } of messages.map((message) => JSON.parse(message))) {
      const { resolve, reject } = waiting.get(id) ?? {}
      waiting.delete(id)
      if (error) reject?.(new Error(error.message))
      else resolve?.(result)
      events.get(method)?.()
    }
  })
  let sent = 0
  const call = (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      waiting.set(++sent, { resolve, reject })
      commands.write(`${JSON.stringify({ id: sent, method, params, sessionId })}\0`)
    })
  const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
  const send = (method, params) => call(method, params, sessionId)
  await send('Page.enable')
  return {
    send,
    async goto(url) {
      const loaded = new Promise((resolve) => events.set('Page.loadEventFired', resolve))
      await send('Page.navigate', { url })
      await loaded
    },
    /** Runs a function in the page, and gives what its promise gives. */
    async evaluate(work, argument) {
      const expression = `(${work})(${JSON.stringify(argument)})`
      const { result, exceptionDetails } = await send('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
    async close() {
      await call('Browser.close')
      await ended
    },
  }
}
