import { VisionEncoder } from 'sovit'
import { bench, markdown, type Section } from 'sovit/bench'
import { byId } from './dom.js'
import { showSection } from './bench-table.js'
import { showUnsupported } from './unsupported.js'

const start = byId('start', HTMLButtonElement)
const stop = byId('cancel', HTMLButtonElement)
const progress = byId('progress', HTMLProgressElement)
const copy = byId('copy', HTMLButtonElement)
const setup = byId('setup', HTMLFormElement)

let report: Section[] = []
let stopping = new AbortController()

async function measure(): Promise<void> {
  report = []
  stopping = new AbortController()
  const { signal } = stopping
  byId('sections', HTMLDivElement).replaceChildren()
  byId('report', HTMLElement).hidden = false
  byId('alert', HTMLDivElement).hidden = true
  busy(true)
  try {
    for await (const section of bench({ gpu: navigator.gpu, ...choices(), signal, onPhase: say })) {
      report.push(section)
      showSection(section)
    }
    say('Done')
  } catch (error) {
    if (signal.aborted) {
      say('Stopped: the report ends here')
      return
    }
    say('It went wrong')
    byId('alert-text', HTMLParagraphElement).textContent = error instanceof Error ? error.message : String(error)
    byId('alert', HTMLDivElement).hidden = false
  } finally {
    busy(false)
  }
}

function choices(): { readonly side: number; readonly layers: number; readonly quick: boolean } {
  const chosen = new FormData(setup)
  const side = Number(chosen.get('side'))
  return { side, layers: Number(chosen.get('layers')), quick: side < 16 }
}

function busy(on: boolean): void {
  start.disabled = on
  stop.disabled = !on
  copy.disabled = on
  progress.classList.toggle('active', on)
  if (on) progress.removeAttribute('value')
}

function say(text: string): void {
  byId('phase', HTMLLabelElement).textContent = text
}

setup.addEventListener('submit', (event) => {
  event.preventDefault()
  void measure()
})
stop.addEventListener('click', () => {
  stopping.abort()
  say('Stopping after this measurement')
})
copy.addEventListener('click', () => {
  const text = [`## sovit on ${navigator.userAgent}\n`, ...report.map(markdown)].join('\n')
  navigator.clipboard.writeText(text).then(
    () => say('Report copied'),
    () => say('This browser refused the clipboard'),
  )
})
byId('alert-close', HTMLButtonElement).addEventListener('click', () => {
  byId('alert', HTMLDivElement).hidden = true
})

const support = await VisionEncoder.support()
if (support.ok) byId('software-note', HTMLParagraphElement).hidden = !support.device.software
else showUnsupported(support.code, support.message)
