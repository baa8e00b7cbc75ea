import { encodeSafetensors, type TensorToWrite } from '../checkpoint/safetensors-write.js'
import { describeTower } from '../encoder/load.js'
import { patchGrid } from '../model/positions.js'
import { helpOf, parseCommand, UsageError } from './args.js'
import type { Command } from './command.js'
import { IMAGE_OPTIONS, imageOptions } from './image-options.js'
import { localFiles, MODEL_HELP, modelRef, openable } from './model-ref.js'
import { checkDistinct, checkWritable, print, writeWhole } from './output.js'
import { picturesFor, readPictures, type Picture } from './pictures.js'
import { pictureLine } from './report.js'
import { CHECKPOINT_OPTIONS, checkpointOptions } from './tower-options.js'

const OPTIONS = {
  out: { value: 'FILE', help: 'safetensors file to write: pixel_values.{i}, grid.{i}, source.{i}' },
  model: { value: 'MODEL', help: 'whose patches and table decide on sizes; see below' },
  ...IMAGE_OPTIONS,
  ...CHECKPOINT_OPTIONS,
  json: { help: 'one JSON object on stdout' },
} as const

export const preprocess: Command = {
  summary: 'turns pictures into the pixel values that the encoder takes; needs no GPU',
  help: `Usage: sovit preprocess IMAGE... --out FILE [options]\n\n${helpOf(OPTIONS)}\n\n${MODEL_HELP}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, OPTIONS)
    if (positionals.length === 0) throw new UsageError('No picture is given.')
    if (values.out === undefined) throw new UsageError('--out FILE is missing: the file to write.')
    const options = imageOptions(values)
    await checkWritable(values.out)
    const model = modelRef(values.model)
    await checkDistinct([values.out], [...positionals, ...localFiles(model)])
    const { source, options: how } = openable(model)
    const tower = await describeTower(source, { ...how, ...checkpointOptions(values), signal })
    const { patch } = tower.model.config
    const pictures = await readPictures(positionals, { ...picturesFor(tower), ...options }, signal)
    await writeWhole(
      values.out,
      encodeSafetensors(pictures.flatMap((picture, i) => tensorsOf(picture, i, patch))),
      signal,
    )

    const images = pictures.map((picture) => ({ ...picture, grid: patchGrid(picture.pixels, patch) }))
    if (values.json) {
      const json = images.map(({ source, piece, pixels: { width, height }, grid }) => {
        return { source, piece, width, height, grid }
      })
      return print(`${JSON.stringify({ images: json })}\n`)
    }
    return print(`${images.map(pictureLine).join('\n')}\npixels     ${values.out}\n`)
  },
}

function tensorsOf({ pixels, piece }: Picture, i: number, patch: number): TensorToWrite[] {
  const { width, height, data } = pixels
  const grid = Int32Array.from(patchGrid(pixels, patch))
  return [
    { name: `pixel_values.${i}`, dtype: 'F32', shape: [3, height, width], data },
    { name: `grid.${i}`, dtype: 'I32', shape: [2], data: grid },
    { name: `source.${i}`, dtype: 'I32', shape: [3], data: Int32Array.from(piece) },
  ]
}
