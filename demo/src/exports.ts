import { byId, context2d, save } from './dom.js'
import type { Tokens } from './shown.js'
import { showNote } from './status.js'

const note = byId('export-note', HTMLParagraphElement)
const GAP = 16

/** Saving what is on show. `tokens`: those of the picture, or null while there are none. */
export function startExports(tokens: () => Tokens | null): void {
  byId('export-png', HTMLButtonElement).addEventListener('click', () => {
    savePng()
  })
  byId('export-tokens', HTMLButtonElement).addEventListener('click', () => {
    const now = tokens()
    if (now) void saveTokens(now)
    else showNote('There are no tokens yet.')
  })
  const copy = byId('copy-link', HTMLButtonElement)
  copy.addEventListener('click', () => void copyLink(copy))
}

/** The three frames side by side, as they are drawn. */
function savePng(): void {
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
async function saveTokens({ tokens, dims, grid, pooled }: Tokens): Promise<void> {
  const { encodeSafetensors } = await import('sovit/safetensors')
  const f32 = (name: string, shape: readonly number[], data: Float32Array) =>
    ({ name, dtype: 'F32', shape, data }) as const
  const parts = encodeSafetensors([
    f32('last_hidden_state.0', dims, tokens),
    { name: 'grid.0', dtype: 'I32', shape: [2], data: Int32Array.from(grid) },
    ...(pooled ? [f32('pooler_output.0', [pooled.length], pooled)] : []),
  ])
  save(new Blob(parts as Uint8Array<ArrayBuffer>[]), 'tokens.safetensors')
}

async function copyLink(button: HTMLButtonElement): Promise<void> {
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
