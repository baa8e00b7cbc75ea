// SigLIP tells which of several texts a picture fits, from vectors of the texts that were computed once.
//
//   node examples/zero-shot.mjs google/siglip-so400m-patch14-384 photo.png texts.json 384
//
// The last is the side of the pictures that the checkpoint was trained on. texts.json: { "labels": ["a cat", …], "vectors": [[…], …] }; examples/text_vectors.py makes one. In a page the same lines
// run without `gpu` and `readFile`.
import { readFile } from 'node:fs/promises'
import { VisionEncoder } from 'sovit'
import { zeroShot } from 'sovit/features'
import { create, globals } from 'webgpu'

const [model, photo, texts, side] = process.argv.slice(2)
if (side === undefined) {
  console.error('Usage: node examples/zero-shot.mjs MODEL PICTURE TEXTS.json SIDE')
  process.exit(2)
}
Object.assign(globalThis, globals)
const gpu = create([])

const { labels, vectors } = JSON.parse(await readFile(texts, 'utf8'))
const encoder = await VisionEncoder.load(model, { gpu })
const { pooled } = await encoder.encode(await readFile(photo), { size: Number(side) })
if (!pooled || !encoder.logitScale) throw new Error(`${model} has no pooling head, or no logit scale: it is no SigLIP.`)

const scores = zeroShot(pooled.data, Float32Array.from(vectors.flat()), encoder.logitScale)
for (const [i, label] of labels.entries()) console.log(`${(100 * scores[i]).toFixed(2).padStart(6)}%  ${label}`)
encoder.dispose()
