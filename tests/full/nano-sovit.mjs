// Of tests/full/nano.mjs, in a process of its own, as a software driver needs its own C library:
//   node tests/full/nano-sovit.mjs FOLDER PRECISION
// Encodes the scenes that evaluate.py kept in FOLDER by the built library, and prints { device, sets: { [set]: {
// scenes, values: { [name]: value } } } } as JSON.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, globals } from 'webgpu'
import { VisionEncoder } from '../../dist/index.js'
import { loadLabels } from '../../dist/nano.js'
import { readSafetensors } from '../../dist/safetensors.js'
import { FIGURES } from './metrics.mjs'

const PATCH = 14
/** Encoded by one call: enough to fill a device. */
const TOKENS = 4096

const [folder, precision] = process.argv.slice(2)

/** A file of scenes: pixels [N, H, W, 3], and what is in each. */
function readScenes(path) {
  const tensors = readSafetensors(readFileSync(path), path)
  const [count, height, width] = tensors.get('pixels').shape
  const each = (name, Type) => {
    const { data } = tensors.get(name)
    const values = new Type(new Uint8Array(data).buffer) // a copy, as bytes of a file lie at any alignment
    const size = values.length / count
    return Array.from({ length: count }, (_, i) => values.subarray(i * size, (i + 1) * size))
  }
  const [pixels, present] = [each('pixels', Uint8Array), each('present', Int8Array)]
  const [label, cover] = [each('label', Int16Array), each('cover', Float32Array)]
  return {
    height,
    width,
    pixels,
    answers: label.map((_, i) => ({ label: label[i], cover: cover[i], present: present[i] })),
  }
}

/** Bytes at their own size are not resized, but only normalised: to byte / 127.5 - 1, as evaluate.py does. */
async function encodeAll(encoder, { height, width, pixels }, onEncoded) {
  const atOnce = Math.max(1, Math.floor(TOKENS / ((height / PATCH) * (width / PATCH))))
  const encodings = []
  for (let begin = 0; begin < pixels.length; begin += atOnce) {
    const pictures = pixels.slice(begin, begin + atOnce).map((data) => ({ height, width, data }))
    encodings.push(...(await encoder.encode(pictures, { size: { height, width } })))
    onEncoded(encodings.length)
  }
  return encodings
}

async function figuresOf(encoder, names, path, wanted, onEncoded) {
  const scenes = readScenes(path)
  const encodings = await encodeAll(encoder, scenes, onEncoded)
  const found = encodings.map(({ tokens, pooled }, i) => ({ tokens, pooled: pooled.data, ...scenes.answers[i] }))
  return { scenes: found.length, values: Object.fromEntries(wanted.map((name) => [name, FIGURES[name](found, names)])) }
}

Object.assign(globalThis, globals)
const labels = await loadLabels()
const channels = labels.vectors.length / labels.names.length
const rows = labels.names.map((_, k) => labels.vectors.subarray(k * channels, (k + 1) * channels))
const names = { rows, patchScale: labels.patch.scale, patchBias: labels.patch.bias }
const encoder = await VisionEncoder.load(undefined, { gpu: create([]), precision })
const result = { device: encoder.device, sets: {} }
const sets = JSON.parse(readFileSync(join(folder, 'figures.json'), 'utf8'))
for (const [set, { file, figures }] of Object.entries(sets)) {
  const begun = performance.now()
  const wanted = figures.map(({ name }) => name)
  const onEncoded = (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\rsovit, ${set}: ${done} scenes`)
  }
  const { scenes, values } = (result.sets[set] = await figuresOf(encoder, names, join(folder, file), wanted, onEncoded))
  const seconds = ((performance.now() - begun) / 1e3).toFixed(1)
  const found = wanted.map((name) => `${name} ${values[name].toFixed(3)}`).join(', ')
  console.error(`${process.stderr.isTTY ? '\r' : ''}sovit, ${set}: ${scenes} scenes in ${seconds} s: ${found}`)
}
encoder.dispose()
console.log(JSON.stringify(result))
