import type { Encoding, StepTime, VisionEncoder } from 'sovit/worker'
import { painted } from './dom.js'
import { showEncodeFacts } from './facts.js'
import { formatTime } from './format.js'
import { isLoading, modelInUse, showFailure, usesBuiltIn } from './loading.js'
import type { Coverage, Grid } from './patch-view.js'
import { choosePicture, type Source } from './pictures.js'
import type { Size } from './settings.js'
import type { Tokens } from './shown.js'
import { theStage } from './stage.js'
import { hideAlert, showBusy, showDone, withdrawNote } from './status.js'

/** Said while a recorded result is on show. */
export const MEANWHILE = 'What you see is recorded, until this device has computed its own.'

/** Blocks times channels: up to here all layers are read back with each picture, a few megabytes. */
const FEW = 2000

let picture: { readonly source: Source; readonly blob: Blob } | null = null
let size: Size = 448
/** Somebody looks at earlier layers, however large they are. */
let layersWanted = false
/** An encode is no longer wanted when its number is not this one any more. */
let encodes = 0

/** The picture on the stage; its blob is what every encode of it takes. */
export function pictureOnStage(): Source | null {
  return picture?.source ?? null
}

export function sizeInUse(): Size {
  return size
}

/** Shows a picture at once and encodes it as soon as there is a model. */
export async function usePicture(source: Source): Promise<void> {
  const mine = ++encodes
  hideAlert()
  if (!isLoading()) showBusy('Opening the picture')
  try {
    const blob = await source.open()
    const bitmap = await bitmapOf(blob)
    if (mine !== encodes) return
    picture = { source, blob }
    theStage.showPicture(bitmap, source.emoji, usesBuiltIn())
    theStage.changed()
    await encodePicture()
  } catch (error) {
    if (mine === encodes) showFailure(error, 'Choose another picture', choosePicture)
  }
}

export function useSize(chosen: Size): void {
  size = chosen
  theStage.changed()
  void encodePicture()
}

/** All layers, for a model whose layers are too large to be read back each time. */
export function useLayers(): void {
  if (layersWanted) return
  layersWanted = true
  void encodePicture(theStage.probe)
}

/** Encodes the picture with the model in use, when there are both, and marks the patch `probe`, or what the picture says. */
export async function encodePicture(probe?: number): Promise<void> {
  const inUse = modelInUse()
  if (!inUse || !picture) return
  const mine = ++encodes
  const { encoder } = inUse
  const stage = document.getElementById('stage')
  if (!isLoading()) showBusy('Encoding')
  stage?.setAttribute('aria-busy', 'true')
  try {
    await painted()
    const start = performance.now()
    const encoding = await encoder.encode(picture.blob, encodeOptions(encoder))
    const ms = performance.now() - start
    if (mine !== encodes) return
    theStage.showTokens(tokensOf(encoder, encoding), usesBuiltIn(), probe ?? patchAt(picture.source, encoding.grid))
    showEncodeFacts(encoder, encoding, ms)
    withdrawNote(MEANWHILE)
    if (!isLoading()) showDone(`${encoding.dims[0]} tokens in ${formatTime(ms)}`)
  } catch (error) {
    if (mine === encodes) showFailure(error, 'Choose another picture', choosePicture)
  } finally {
    if (mine === encodes) stage?.removeAttribute('aria-busy')
  }
}

/** The patch that a picture says is to be marked first. */
export function patchAt({ mark }: Source, [rows, columns]: Grid): number | undefined {
  return mark && Math.floor(mark[0] * rows) * columns + Math.floor(mark[1] * columns)
}

/** Encodes another picture at the same size. */
export async function encodeOther(blob: Blob): Promise<{ bitmap: ImageBitmap; tokens: Tokens }> {
  const { encoder } = required()
  const [bitmap, encoding] = await Promise.all([bitmapOf(blob), encoder.encode(blob, encodeOptions(encoder))])
  return { bitmap, tokens: tokensOf(encoder, encoding) }
}

/** Encodes the picture as MiniCPM-V does: an overview, and slices of large pictures. */
export function encodeSlices(): Promise<readonly Encoding[]> {
  const { encoder, blob } = required()
  return encoder.encode(blob, { size: 'minicpm-v', heads: 'none' })
}

/** How long each kernel takes for the picture. */
export function profilePicture(): Promise<readonly StepTime[]> {
  const { encoder, blob } = required()
  return encoder.profile(blob, { size })
}

function required(): { encoder: VisionEncoder; blob: Blob } {
  const encoder = modelInUse()?.encoder
  if (!encoder || !picture) throw new Error('There is no model, or no picture, yet.')
  return { encoder, blob: picture.blob }
}

function encodeOptions({ model: { config } }: VisionEncoder) {
  return { size, hiddenStates: layersWanted || config.layers * config.width <= FEW }
}

function tokensOf(encoder: VisionEncoder, encoding: Encoding): Tokens {
  const { tokens, dims, grid, pooled, hiddenStates = [] } = encoding
  const { layers } = encoder.model.config
  // The last block's output is what the last layer shows after its norm; 16x-mergers leave fewer tokens on the way.
  const earlier = hiddenStates.slice(0, layers).filter((layer) => layer.length === tokens.length)
  return {
    ...{ tokens, dims, grid, depth: layers },
    coverage: coverage(grid, tokenSide(encoder)),
    pooled: pooled?.data ?? null,
    layers: earlier.length === layers ? earlier : [],
  }
}

/** Pixels on a side of what a token stands for: a patch, or 2×2 of them where the tower merges such (MiniCPM-V 4.6). */
function tokenSide({ model: { config } }: VisionEncoder): number {
  return config.patch * (config.merger?.mode === '16x' ? 2 : 1)
}

/** Pixels beyond the last whole patch are ignored; only a side asked for in pixels can have such. */
function coverage([rows, columns]: Grid, patch: number): Coverage {
  if (size === 'native') return [1, 1]
  const { height, width } = typeof size === 'number' ? { height: size, width: size } : size
  return [(rows * patch) / height, (columns * patch) / width]
}

async function bitmapOf(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob)
  } catch (cause) {
    throw new Error('This browser cannot decode the file as a picture. PNG, JPEG, WebP and AVIF work.', { cause })
  }
}
