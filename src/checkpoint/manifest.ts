/**
 * SHA-256 of every weight, by which a load knows that it got the bytes of the checkpoint that somebody once trusted.
 *
 * Hashes are of tensors, in pieces, not of files or of chunks of them: one manifest holds for a checkpoint's shards, for a
 * tower converted from it bit for bit, and for any plan of reads.
 */
import { SovitError } from '../errors.js'
import { hashSpans, piecesOf } from './hash.js'
import { isObject } from './json.js'
import { PIECE_BYTES, type Part } from './stream.js'
import type { Checkpoint, StreamOptions, TensorChunk, TensorInfo, WeightManifest } from './types.js'

const FORMAT = 'sovit-manifest-1'

/** A manifest of these tensors, by canonical name, as they are now. Reads all of them. */
export async function makeManifest(
  checkpoint: Checkpoint,
  tensors: ReadonlyMap<string, TensorInfo>,
  options: StreamOptions = {},
): Promise<WeightManifest> {
  const hashes = new Map([...tensors.values()].map((tensor) => [tensor, [] as string[]]))
  const add = async (chunk: TensorChunk): Promise<void> => {
    const hashed = await hashSpans(chunk.bytes, piecesOf(chunk.bytes.length), false) // chunks begin at multiples of a piece
    hashes.get(chunk.tensor)?.push(...hashed.hashes)
  }
  await checkpoint.stream(tensors.values(), add, options)
  const named = [...tensors].map(([name, tensor]) => [name, hashes.get(tensor) ?? []] as const)
  return { format: FORMAT, pieceBytes: PIECE_BYTES, tensors: Object.fromEntries(named) }
}

/**
 * What checks chunks of these tensors (by canonical name) against a manifest, which may list others besides.
 *
 * @throws SovitError `BAD_OPTION` for what is no manifest, `BAD_WEIGHTS` for one of another checkpoint
 */
export function checkOf(
  manifest: WeightManifest,
  tensors: ReadonlyMap<string, TensorInfo>,
): NonNullable<StreamOptions['check']> {
  const listed = checkManifest(manifest)
  const expected = new Map<TensorInfo, readonly string[]>()
  for (const [name, tensor] of tensors) {
    const hashes = listed[name]
    const pieces = Math.ceil((tensor.end - tensor.begin) / PIECE_BYTES)
    if (!Array.isArray(hashes) || hashes.length !== pieces) {
      const what = Array.isArray(hashes) ? `${hashes.length} pieces of` : 'nothing of'
      const needs = `which has ${pieces} (of ${PIECE_BYTES} bytes)`
      const wayOut = 'It is of another checkpoint: make one of this (sovit manifest), or leave it out'
      throw new SovitError('BAD_WEIGHTS', `The manifest lists ${what} tensor '${name}', ${needs}. ${wayOut}.`)
    }
    expected.set(tensor, hashes as string[])
  }
  return async ({ begin: first, parts }, given, movable) => {
    const pieces = parts.flatMap((part) => piecesOf(part.end - part.begin).map((span) => ({ part, span })))
    const { bytes, hashes } = await hashSpans(
      given,
      pieces.map(({ part, span: [begin, end] }) => [part.begin - first + begin, part.begin - first + end]),
      movable,
    )
    const wrong = pieces.find(({ part: { tensor, begin }, span: [at] }, i) => {
      return hashes[i] !== expected.get(tensor)?.[(begin - tensor.begin + at) / PIECE_BYTES]
    })
    return { bytes, refused: wrong ? wrongBytes(wrong.part) : null }
  }
}

function checkManifest(manifest: unknown): Readonly<Record<string, unknown>> {
  if (isObject(manifest) && manifest.format === FORMAT && manifest.pieceBytes === PIECE_BYTES) {
    if (isObject(manifest.tensors)) return manifest.tensors
  }
  const wayOut = 'Pass the parsed JSON that `sovit manifest` writes'
  throw new SovitError('BAD_OPTION', `manifest is no ${FORMAT} of pieces of ${PIECE_BYTES} bytes. ${wayOut}.`)
}

function wrongBytes({ tensor: { name, file }, begin, end }: Part): SovitError {
  const what = `The bytes ${begin} to ${end} of ${file} (${name}) are not those of the manifest, read twice`
  return new SovitError('BAD_WEIGHTS', `${what}. Use the checkpoint that the manifest was made of, or a new manifest.`)
}
