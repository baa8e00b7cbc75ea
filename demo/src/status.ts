import { byId } from './dom.js'

const phase = byId('phase', HTMLLabelElement)
const progress = byId('progress', HTMLProgressElement)
const figures = byId('bytes', HTMLSpanElement)
const note = byId('progress-note', HTMLParagraphElement)
const cancel = byId('cancel', HTMLButtonElement)
const alertBox = byId('alert', HTMLDivElement)
const alertAction = byId('alert-action', HTMLButtonElement)

/** Something takes a while: says what, with a bar of unknown length. */
export function showBusy(what: string): void {
  showPhase(what)
  showFigures('')
  progress.removeAttribute('value')
  progress.classList.add('active')
}

/** Nothing is going on any more. */
export function showDone(what: string): void {
  showPhase(what)
  showFigures('')
  progress.value = 1
  progress.classList.remove('active')
}

/** Writing the same words again would have them read out again. */
export function showPhase(text: string): void {
  if (phase.textContent !== text) phase.textContent = text
}

/** How much of the work is done, from 0 to 1. */
export function showBar(share: number): void {
  progress.value = share
}

export function showFigures(text: string): void {
  figures.textContent = text
}

/** A quiet line below the bar. It stays until the next load, or until another takes its place. */
export function showNote(text: string): void {
  if (note.textContent !== text) note.textContent = text
}

/** Takes a note back, unless another has taken its place. */
export function withdrawNote(text: string): void {
  if (note.textContent === text) note.textContent = ''
}

let running: AbortController | null = null

/** Runs `work` with a signal that the cancel button aborts, and that the next such work aborts too. */
export async function cancellable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  stopRunning()
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

/** Does what the cancel button does. */
export function stopRunning(): void {
  running?.abort()
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

cancel.addEventListener('click', stopRunning)
byId('alert-close', HTMLButtonElement).addEventListener('click', hideAlert)
