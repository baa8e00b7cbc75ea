import type { ProgressEvent } from 'sovit'
import { byId } from './dom.js'
import { formatBytes } from './format.js'

const phase = byId('phase', HTMLLabelElement)
const progress = byId('progress', HTMLProgressElement)
const bytes = byId('bytes', HTMLSpanElement)
const cancel = byId('cancel', HTMLButtonElement)
const alertBox = byId('alert', HTMLDivElement)
const alertAction = byId('alert-action', HTMLButtonElement)

const PHASES = {
  header: 'Reading the header of the weights',
  download: 'Fetching weights',
  cache: 'Reading weights kept in this browser',
  upload: 'Handing weights to the GPU',
  compile: 'Compiling shaders',
  ready: 'Model ready',
} as const satisfies Record<ProgressEvent['phase'], string>

/** Something takes a while: says what, with a bar of unknown length. */
export function showBusy(what: string): void {
  say(what)
  bytes.textContent = ''
  progress.removeAttribute('value')
  progress.classList.add('active')
  byId('stage', HTMLDivElement).setAttribute('aria-busy', 'true')
}

/** Nothing is going on any more. */
export function showDone(what: string): void {
  say(what)
  bytes.textContent = ''
  progress.value = 1
  progress.classList.remove('active')
  byId('stage', HTMLDivElement).removeAttribute('aria-busy')
}

export function showLoading(event: ProgressEvent): void {
  say(PHASES[event.phase])
  if (event.total > 0) {
    progress.value = event.loaded / event.total
    bytes.textContent = `${formatBytes(event.loaded)} of ${formatBytes(event.total)}`
  }
}

let running: AbortController | null = null

/** Runs `work` with a signal that the cancel button aborts, and that the next such work aborts too. */
export async function cancellable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  running?.abort()
  const mine = new AbortController()
  running = mine
  cancel.disabled = false
  try {
    return await work(mine.signal)
  } finally {
    if (running === mine) {
      running = null
      cancel.disabled = true
    }
  }
}

/** An error, with the one thing that helps against it. */
export function showAlert(text: string, action: string, act: () => void): void {
  byId('alert-text', HTMLParagraphElement).textContent = text
  alertAction.textContent = action
  alertAction.onclick = () => {
    hideAlert()
    act()
  }
  alertBox.hidden = false
}

export function hideAlert(): void {
  alertBox.hidden = true
}

cancel.addEventListener('click', () => running?.abort())
byId('alert-close', HTMLButtonElement).addEventListener('click', hideAlert)

/** Writing the same words again would have them read out again. */
function say(text: string): void {
  if (phase.textContent !== text) phase.textContent = text
}
