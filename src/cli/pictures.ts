import { readFile } from 'node:fs/promises'
import { readSafetensors, type TensorInMemory } from '../checkpoint/safetensors-read.js'
import type { DescribedTower } from '../encoder/describe.js'
import type { Encoding } from '../encoder/types.js'
import { SovitError } from '../errors.js'
import { preprocess } from '../image/preprocess.js'
import { checkPixels } from '../image/ready.js'
import { toRgb } from '../image/rgb.js'
import { targetsOf } from '../image/targets.js'
import type { PixelValues, PreprocessOptions } from '../image/types.js'
import { mergedPatches } from '../model/config.js'

/** Pixel values of a picture or of a piece of it, and where they come from. */
export interface Picture {
  readonly source: string
  /** [image of the command, row, column of the slice], or row and column −1. */
  readonly piece: Encoding['source']
  /** Size of the whole picture as decoded, or of the pixel values where those were given. */
  readonly width: number
  readonly height: number
  readonly pixels: PixelValues
}

/** What a checkpoint decides on pictures: whole squares of patches, the largest side, the filter. */
export function picturesFor({
  model: { config },
  resample,
}: DescribedTower): Required<Pick<PreprocessOptions, 'patch' | 'limit' | 'resample'>> {
  const { patch, table } = config
  return { patch: patch * mergedPatches(config), limit: table * patch, resample }
}

/** Decodes, resizes, cuts and normalises pictures by path or address: all pieces of each. Throws as `toRgb` and `targetsOf`. */
export async function readPictures(
  sources: readonly string[],
  options: PreprocessOptions,
  signal: AbortSignal,
): Promise<Picture[]> {
  const pictures: Picture[] = []
  // One after another: only one decoded picture is in memory at a time.
  for (const [index, source] of sources.entries()) {
    const image = await toRgb(source, { signal })
    const { width, height } = image
    for (const target of await targetsOf(image, options)) {
      for (const { place, ...pixels } of preprocess(image, target)) {
        pictures.push({ source, piece: [index, ...place], width, height, pixels })
      }
    }
  }
  return pictures
}

/** `pixel_values.{i}` F32 [3, H, W] of a safetensors file, i = 0, 1, …, and `source.{i}`; other tensors are ignored. */
export async function readPixels(file: string): Promise<Picture[]> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SovitError('NOT_FOUND', `The pixel values ${file} cannot be read: ${why}. Check the path.`, { cause })
  })
  const tensors = readSafetensors(bytes, file)
  const names = [...tensors.keys()].filter((name) => name.startsWith('pixel_values.'))
  return Array.from({ length: Math.max(1, names.length) }, (_, i) => {
    const source = `${file}:pixel_values.${i}`
    const tensor = tensors.get(`pixel_values.${i}`)
    if (tensor) return asPicture(source, pieceOf(i, tensors.get(`source.${i}`)), tensor)
    const wayOut = 'Name the pictures pixel_values.0, pixel_values.1, and so on without gaps'
    throw new SovitError('TENSOR_MISSING', `There is no tensor ${source}. ${wayOut}.`)
  })
}

/** As `sovit preprocess` writes it beside the values; a whole picture where nothing says otherwise. */
function pieceOf(index: number, source: TensorInMemory | undefined): Picture['piece'] {
  if (source?.dtype !== 'I32' || source.data.length !== 12) return [index, -1, -1]
  const view = new DataView(source.data.buffer, source.data.byteOffset)
  return [view.getInt32(0, true), view.getInt32(4, true), view.getInt32(8, true)]
}

function asPicture(source: string, piece: Picture['piece'], { dtype, shape, data }: TensorInMemory): Picture {
  const [channels, height = 0, width = 0] = shape
  if (dtype !== 'F32') throw new SovitError('TENSOR_DTYPE', `${source} is ${dtype}; pixel values must be F32.`)
  if (shape.length !== 3 || channels !== 3) {
    throw new SovitError('TENSOR_SHAPE', `${source} has the shape [${shape.join(', ')}], expected [3, H, W].`)
  }
  // Copied: the tensor may begin at any byte of the file, floats must begin at a multiple of four.
  const pixels = checkPixels({ width, height, data: new Float32Array(Uint8Array.from(data).buffer) })
  return { source, piece, width, height, pixels }
}
