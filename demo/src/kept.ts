import { VisionEncoder, type ModelSource } from 'sovit/worker'
import { byId } from './dom.js'
import { formatBytes } from './format.js'
import { showAlert, showNote } from './status.js'

const line = byId('kept', HTMLParagraphElement)
const amount = byId('kept-size', HTMLDataElement)
const button = byId('kept-delete', HTMLButtonElement)
const said = byId('kept-said', HTMLParagraphElement)

let changed: () => Promise<void> = () => Promise.resolve()

/** Lets what loads have kept be deleted, and shows how much it is. `onChange`: it may be another amount now. */
export function startKept(onChange: () => Promise<void>): void {
  changed = onChange
  button.addEventListener('click', () => void deleteKept())
  void refreshKept()
}

/** Shows how much this browser keeps of all checkpoints; nothing when that is nothing, or cannot be told. */
export async function refreshKept(): Promise<void> {
  const bytes = await VisionEncoder.cache.size().catch(() => 0)
  amount.value = String(bytes)
  amount.textContent = formatBytes(bytes)
  line.hidden = bytes === 0
  if (bytes > 0) said.textContent = ''
  await changed()
}

/** What a load that came to no end has left behind, or nothing. */
export async function leftBehind(source: ModelSource): Promise<string> {
  const bytes = await VisionEncoder.cache.size({ source }).catch(() => 0)
  return bytes > 0 ? `${formatBytes(bytes)} are kept, loading again goes on from there.` : ''
}

async function deleteKept(): Promise<void> {
  const focused = document.activeElement === button
  button.disabled = true
  try {
    const bytes = await VisionEncoder.cache.size()
    await VisionEncoder.cache.clear()
    await refreshKept()
    // It may say what is no longer kept.
    showNote('')
    if (line.hidden) said.textContent = `Deleted ${formatBytes(bytes)}.`
  } catch (error) {
    showAlert(error instanceof Error ? error.message : String(error), 'Try again', () => void deleteKept())
  } finally {
    button.disabled = false
    // The button is gone; who used the keyboard goes on nearby.
    if (focused && line.hidden) document.querySelector<HTMLInputElement>('input[name=model]:checked')?.focus()
  }
}
