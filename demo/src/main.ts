import { builtInModel, SovitError, VisionEncoder, type ModelSource } from 'sovit'
import { painted } from './dom.js'
import { showPicture, showTokens, startExplorer } from './explorer.js'
import { showEncodeFacts, showModelFacts } from './facts.js'
import { formatTime } from './format.js'
import type { Coverage, Grid } from './patch-view.js'
import { choosePicture, startPictures } from './pictures.js'
import { selectModelKind, startSettings, type Size } from './settings.js'
import { cancellable, hideAlert, showAlert, showBusy, showDone, showLoading } from './status.js'
import { showUnsupported } from './unsupported.js'

let encoder: VisionEncoder | null = null
let picture: Blob | null = null
let size: Size = 448
/** Work that is no longer wanted when its number is not this one any more. */
let loads = 0
let encodes = 0

/** Loads a model in the place of the present one, which stays in use when that fails. */
async function useModel(source: ModelSource): Promise<void> {
  const mine = ++loads
  hideAlert()
  showBusy('Opening the model')
  try {
    await painted()
    const next = await cancellable((signal) => VisionEncoder.load(source, { signal, onProgress: showLoading }))
    if (mine !== loads) {
      next.dispose()
      return
    }
    encoder?.dispose()
    encoder = next
    showModelFacts(next)
    await encodePicture()
  } catch (error) {
    if (mine === loads) failed(error, 'Use the built-in model', useBuiltInModel)
  }
}

function useBuiltInModel(): void {
  selectModelKind('built-in')
  void useModel(builtInModel)
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

/** Encodes the picture with the model, when there are both. */
async function encodePicture(): Promise<void> {
  if (!encoder || !picture) return
  const mine = ++encodes
  const current = encoder
  const target = size
  showBusy('Encoding')
  try {
    await painted()
    const start = performance.now()
    const encoding = await current.encode(picture, { size: target })
    const ms = performance.now() - start
    if (mine !== encodes) return
    showTokens({ ...encoding, coverage: coverage(encoding.grid, current.model.config.patch, target) })
    showEncodeFacts(current, encoding, ms)
    showDone(`${encoding.dims[0]} tokens in ${formatTime(ms)}`)
  } catch (error) {
    if (mine === encodes) failed(error, 'Choose another picture', choosePicture)
  }
}

/** Pixels beyond the last whole patch are ignored; only a side asked for in pixels can have such. */
function coverage([rows, columns]: Grid, patch: number, target: Size): Coverage {
  if (target === 'native') return [1, 1]
  const { height, width } = typeof target === 'number' ? { height: target, width: target } : target
  return [(rows * patch) / height, (columns * patch) / width]
}

function failed(error: unknown, action: string, act: () => void): void {
  if (error instanceof SovitError && error.code === 'ABORTED') {
    showDone('Cancelled')
    return
  }
  showDone('Stopped')
  showAlert(error instanceof Error ? error.message : String(error), action, act)
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
    onModel: (file) => {
      selectModelKind('file')
      void useModel(file)
    },
  })
  startSettings({
    onSize: (chosen) => {
      size = chosen
      void encodePicture()
    },
    onBuiltInModel: useBuiltInModel,
    onModel: (source) => void useModel(source),
  })
  useBuiltInModel()
}

void start()
