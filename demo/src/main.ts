import { builtInModel, SovitError, VisionEncoder, type SovitErrorCode } from 'sovit'
import { byId, painted } from './dom.js'
import { showPicture, showTokens, startExplorer } from './explorer.js'
import { showEncodeFacts, showModelFacts } from './facts.js'
import { formatTime } from './format.js'
import { leftBehind, refreshKept, startKept } from './kept.js'
import {
  chooseModelFiles,
  editModelName,
  selectModelKind,
  showWhatIsFetched,
  startModelSettings,
} from './model-settings.js'
import { startLoad, type Model } from './models.js'
import type { Coverage, Grid } from './patch-view.js'
import { choosePicture, startPictures } from './pictures.js'
import { startSettings, type Size } from './settings.js'
import { cancellable, hideAlert, showAlert, showBusy, showDone, showNote, stopRunning } from './status.js'
import { showUnsupported } from './unsupported.js'

const BUILT_IN: Model = { kind: 'built-in', source: builtInModel, label: 'Built in, random weights' }

/** What was chosen, when it cannot even be listed. */
const NO_FILES: Model = { kind: 'files', source: [], label: '' }
const stage = byId('stage', HTMLDivElement)

/** The model in use: what it was loaded from, and what computes it. */
let inUse: { readonly model: Model; readonly encoder: VisionEncoder } | null = null
/** The one that is being loaded. Until it is there, the one in use goes on, but the bar tells of the load. */
let loading: Model | null = null
let picture: Blob | null = null
let size: Size = 448
/** Work that is no longer wanted when its number is not this one any more. */
let loads = 0
let encodes = 0

/** Loads a model in the place of the present one, which stays in use when that fails. */
async function useModel(chosen: Model | Promise<Model>): Promise<void> {
  const mine = ++loads
  stopRunning()
  hideAlert()
  let model = NO_FILES
  let settled = Promise.resolve()
  try {
    model = await chosen
    if (mine !== loads) return
    loading = model
    selectModelKind(model.kind)
    const encoder = await cancellable((signal) => {
      const load = startLoad(model, signal)
      settled = load.settled.then(refreshKept)
      return load.encoder
    })
    if (mine !== loads) {
      encoder.dispose()
      return
    }
    loading = null
    inUse?.encoder.dispose()
    inUse = { model, encoder }
    showModelFacts(encoder, model)
    await encodePicture()
  } catch (error) {
    if (mine !== loads) return
    loading = null
    loadFailed(model, error)
    await settled
    const left = goesOn(error) ? await leftBehind(model.source) : ''
    if (mine === loads && left) showNote(left)
  }
}

/** Whether loading again would go on where this ended, and not end the same way. */
function goesOn(error: unknown): boolean {
  return isAbort(error) || codeOf(error) === 'NETWORK' || codeOf(error) === 'TRUNCATED'
}

/** The model in use stays in use, and the page says so by its radio buttons. */
function loadFailed(model: Model, error: unknown): void {
  selectModelKind(inUse?.model.kind ?? 'built-in')
  failed(error, ...remedy(model, error))
}

/** What helps most against the failure of a load. */
function remedy(model: Model, error: unknown): [action: string, act: () => void] {
  const code = codeOf(error)
  const again: [string, () => void] = ['Try again', () => void useModel(model)]
  if (model.kind === 'built-in') return again
  if (model.kind === 'files') return ['Choose other files', chooseModelFiles]
  if (code === 'ACCESS_DENIED') return ['Choose files', chooseModelFiles]
  if (code === 'NETWORK' || code === 'TRUNCATED') return again
  return ['Change the name', editModelName]
}

/** Shows a picture at once and encodes it as soon as there is a model. */
async function usePicture(chosen: Promise<Blob> | Blob): Promise<void> {
  const mine = ++encodes
  hideAlert()
  try {
    const blob = await chosen
    const bitmap = await createImageBitmap(blob).catch((cause: unknown) => {
      throw new Error('This browser cannot decode the file as a picture. PNG, JPEG, WebP and AVIF work.', { cause })
    })
    if (mine !== encodes) return
    picture = blob
    showPicture(bitmap)
    await encodePicture()
  } catch (error) {
    if (mine === encodes) failed(error, 'Choose another picture', choosePicture)
  }
}

/** Encodes the picture with the model in use, when there are both. */
async function encodePicture(): Promise<void> {
  if (!inUse || !picture) return
  const mine = ++encodes
  const { encoder } = inUse
  const target = size
  if (!loading) showBusy('Encoding')
  stage.setAttribute('aria-busy', 'true')
  try {
    await painted()
    const start = performance.now()
    const encoding = await encoder.encode(picture, { size: target })
    const ms = performance.now() - start
    if (mine !== encodes) return
    showTokens({ ...encoding, coverage: coverage(encoding.grid, tokenSide(encoder), target) })
    showEncodeFacts(encoder, encoding, ms)
    if (!loading) showDone(`${encoding.dims[0]} tokens in ${formatTime(ms)}`)
  } catch (error) {
    if (mine === encodes) failed(error, 'Choose another picture', choosePicture)
  } finally {
    if (mine === encodes) stage.removeAttribute('aria-busy')
  }
}

/** Pixels on a side of what a token stands for: a patch, or 2×2 of them where the tower merges such (MiniCPM-V 4.6). */
function tokenSide({ model: { config } }: VisionEncoder): number {
  return config.patch * (config.merger?.mode === '16x' ? 2 : 1)
}

/** Pixels beyond the last whole patch are ignored; only a side asked for in pixels can have such. */
function coverage([rows, columns]: Grid, patch: number, target: Size): Coverage {
  if (target === 'native') return [1, 1]
  const { height, width } = typeof target === 'number' ? { height: target, width: target } : target
  return [(rows * patch) / height, (columns * patch) / width]
}

function failed(error: unknown, action: string, act: () => void): void {
  if (!loading) showDone(isAbort(error) ? 'Cancelled' : 'Stopped')
  if (!isAbort(error)) showAlert(error instanceof Error ? error.message : String(error), action, act)
}

function codeOf(error: unknown): SovitErrorCode | null {
  return error instanceof SovitError ? error.code : null
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** Back to the built-in model; when it is still in use, it is enough not to load another. */
function useBuiltInModel(): void {
  if (inUse?.model !== BUILT_IN) void useModel(BUILT_IN)
  else if (loading) stopRunning()
}

async function start(): Promise<void> {
  const support = await VisionEncoder.support()
  if (!support.ok) {
    showUnsupported(support.code, support.message)
    return
  }
  startExplorer()
  startPictures({
    onPicture: (chosen) => void usePicture(chosen),
    onModel: (model) => void useModel(model),
  })
  startSettings({
    onSize: (chosen) => {
      size = chosen
      void encodePicture()
    },
  })
  startModelSettings({ onBuiltInModel: useBuiltInModel, onModel: (model) => void useModel(model) })
  startKept(showWhatIsFetched)
  useBuiltInModel()
}

void start()
