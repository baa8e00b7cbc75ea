import { encodeSafetensors, type TensorToWrite } from '../checkpoint/safetensors-write.js'
import type { DescribedTower } from '../encoder/describe.js'
import { describeTower } from '../encoder/load.js'
import type { Encoding, WeightManifest } from '../encoder/types.js'
import { SovitError } from '../errors.js'
import { pcaColors } from '../features/index.js'
import { checkMerged } from '../model/config.js'
import { GridTables, patchGrid } from '../model/positions.js'
import { helpOf, parseCommand } from './args.js'
import type { Command } from './command.js'
import { ENCODE_OPTIONS, encodeOptions, type EncodeRequest } from './encode-options.js'
import { readManifest } from './manifest.js'
import { localFiles, MODEL_HELP, openable } from './model-ref.js'
import { checkDistinct, checkWritable, print, writeWhole } from './output.js'
import { openRuntime } from './open-runtime.js'
import { picturesFor, readPictures, readPixels, type Picture } from './pictures.js'
import { encodePng } from './png.js'
import { progressLine } from './progress.js'
import { encodeJson, encodeLines } from './report.js'
import type { EncodeJob, EncodeReport, Runtime } from './runtime.js'

export const encode: Command = {
  summary: 'turns pictures into visual tokens',
  help: `Usage: sovit encode IMAGE... [options]\n       sovit encode --pixels FILE [options]\n
${helpOf(ENCODE_OPTIONS)}\n\n${MODEL_HELP}\n`,
  async run(args, signal) {
    const { values, positionals } = parseCommand(args, ENCODE_OPTIONS)
    const request = encodeOptions(values, positionals)
    const { out, pca, model, cache, json } = request
    for (const path of [out, pca]) if (path !== undefined) await checkWritable(path)
    await checkDistinct(
      [out, pca],
      [...request.images, ...(request.pixels === undefined ? [] : [request.pixels]), ...localFiles(model)],
    )

    // Everything that can be known without a GPU is checked before one is opened.
    const manifest = request.manifest === undefined ? undefined : await readManifest(request.manifest)
    const { source, options } = openable(model)
    const tower = await describeTower(source, { ...options, ...request.tower, cache, signal })
    const { config } = tower.model
    const { patch, table } = config
    const pictures = await picturesOf(request, tower, signal)
    const grids = await GridTables.open(table, tower.positions)
    for (const { pixels } of pictures) {
      const grid = patchGrid(pixels, patch)
      checkMerged(grid, config)
      grids.positions(grid)
    }
    if (pca !== undefined && pictures.length !== 1) {
      throw new SovitError(
        'BAD_OPTION',
        `--pca draws one picture, but there are ${pictures.length}, slices included. Encode one at a time, unsliced.`,
      )
    }
    const { report, runtime } = await runJob(request, pictures, manifest, signal)

    if (pca !== undefined)
      await writeWhole(
        pca,
        report.encodings.map((encoding) => colours(encoding, patch)),
        signal,
      )
    if (out !== undefined) await writeWhole(out, encodeSafetensors(tensorsOf(report)), signal)
    if (json) return print(`${JSON.stringify(encodeJson(model.name, runtime, report, pictures))}\n`)
    const files = [...(out ? [`tokens     ${out}`] : []), ...(pca ? [`colours    ${pca}`] : [])]
    return print(`${[...encodeLines(model.name, report, pictures), ...files].join('\n')}\n`)
  },
}

function picturesOf(
  { images, pixels, image }: EncodeRequest,
  tower: DescribedTower,
  signal: AbortSignal,
): Promise<Picture[]> {
  return pixels === undefined ? readPictures(images, { ...picturesFor(tower), ...image }, signal) : readPixels(pixels)
}

async function runJob(
  { model, tower: options, cache, hiddenStates, repeat, runtime: choice }: EncodeRequest,
  pictures: readonly Picture[],
  manifest: WeightManifest | undefined,
  signal: AbortSignal,
): Promise<{ readonly report: EncodeReport; readonly runtime: Runtime['name'] }> {
  const progress = progressLine()
  const tower = { ...options, manifest }
  const pieces = pictures.map(({ pixels, piece }) => ({ pixels, source: piece }))
  const job: EncodeJob = {
    model,
    tower,
    cache,
    pictures: pieces,
    hiddenStates,
    repeat,
    onProgress: progress.show,
    signal,
  }
  const runtime = await openRuntime(choice, signal)
  try {
    return { report: await runtime.encode(job), runtime: runtime.name }
  } finally {
    progress.clear()
    await runtime.close()
  }
}

function tensorsOf({ encodings }: EncodeReport): TensorToWrite[] {
  return encodings.flatMap(({ tokens, dims, grid, source, hiddenStates = [], ...heads }, i): TensorToWrite[] => [
    { name: `last_hidden_state.${i}`, dtype: 'F32', shape: dims, data: tokens },
    ...headTensors(heads, i),
    { name: `grid.${i}`, dtype: 'I32', shape: [2], data: Int32Array.from(grid) },
    { name: `source.${i}`, dtype: 'I32', shape: [3], data: Int32Array.from(source) },
    ...hiddenStates.map((data, layer) => {
      // Of towers that merge patches within them, early layers have more rows than the last.
      const shape = [data.length / dims[1], dims[1]]
      return { name: `hidden_states.${i}.${layer}`, dtype: 'F32', shape, data } as const
    }),
  ])
}

/** By the names of PyTorch's outputs, where those differ from ours. */
function headTensors(
  { pooled, resampled, merged }: Pick<Encoding, 'pooled' | 'resampled' | 'merged'>,
  i: number,
): TensorToWrite[] {
  const named = { pooler_output: pooled, resampled, merged }
  return Object.entries(named).flatMap(([name, head]) =>
    head ? { name: `${name}.${i}`, dtype: 'F32', shape: head.dims, data: head.data } : [],
  )
}

/** A picture in which every token has the size of its patch. */
function colours({ tokens, dims, grid }: Encoding, patch: number): Uint8Array {
  return encodePng(pcaColors(tokens, dims), grid[1], grid[0], patch)
}
