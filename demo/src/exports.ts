import { encodeSafetensors } from 'sovit/safetensors'
import { byId, context2d, save } from './dom.js'
import type { Tokens } from './shown.js'
import { showNote } from './status.js'

const note = byId('export-note', HTMLParagraphElement)
const GAP = 16

/** The three frames side by side, as they are drawn. */
export function savePng(): void {
  const frames = [...document.querySelectorAll<HTMLCanvasElement>('#stage canvas')]
  const canvas = document.createElement('canvas')
  canvas.width = frames.reduce((sum, { width }) => sum + width, GAP * (frames.length - 1))
  canvas.height = Math.max(...frames.map(({ height }) => height))
  const context = context2d(canvas)
  let x = 0
  for (const frame of frames) {
    context.drawImage(frame, x, (canvas.height - frame.height) / 2)
    x += frame.width + GAP
  }
  canvas.toBlob((png) => {
    if (png) save(png, 'sovit.png')
  }, 'image/png')
}

/** Under the names that `sovit encode --out` gives. */
export function saveTokens(shown: Tokens | null): void {
  if (!shown) {
    showNote('There are no tokens yet.')
    return
  }
  const { tokens, dims, grid, pooled } = shown
  const f32 = (name: string, shape: readonly number[], data: Float32Array) =>
    ({ name, dtype: 'F32', shape, data }) as const
  const parts = encodeSafetensors([
    f32('last_hidden_state.0', dims, tokens),
    { name: 'grid.0', dtype: 'I32', shape: [2], data: Int32Array.from(grid) },
    ...(pooled ? [f32('pooler_output.0', [pooled.length], pooled)] : []),
  ])
  save(new Blob(parts), 'tokens.safetensors')
}

/** Says on the button itself whether it worked. */
export async function copyLink(button: HTMLButtonElement): Promise<void> {
  const before = button.textContent
  try {
    await navigator.clipboard.writeText(location.href)
    button.textContent = 'Copied'
  } catch {
    button.textContent = 'Copy it from the address bar'
  }
  note.textContent = button.textContent
  setTimeout(() => {
    button.textContent = before
  }, 2000)
}
