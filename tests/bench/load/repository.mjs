// A repository shaped like openbmb/MiniCPM-V-2_6: 4 shards, 16.2 GB declared, the tower last. All but the tower and the
// resampler is a hole in a sparse file, so that it takes 1 GB of disk.
import { randomFillSync } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const WIDTH = 1152
const MLP = 4304
const LAYERS = 27
/** Bytes of the tower in the published checkpoint, which ours must have too. */
const TOWER_BYTES = 835_584_480
/** Bytes of the language model in the published shards. */
const LANGUAGE_BYTES = [4_874_673_664, 4_932_750_336, 4_330_865_664, 1_087_141_888]
const LANGUAGE_TENSORS = [104, 122, 112, 1]

/** @typedef {{ name: string, shape: number[] }} Tensor  All bf16. */

/** @returns {Tensor[]} in the order of their names, as transformers writes them */
function tower() {
  const linear = (name, out, from) => [
    { name: `${name}.bias`, shape: [out] },
    { name: `${name}.weight`, shape: [out, from] },
  ]
  const norm = (name) => [`${name}.bias`, `${name}.weight`].map((one) => ({ name: one, shape: [WIDTH] }))
  const layers = Array.from({ length: LAYERS }, (_, i) => `vpm.encoder.layers.${i}`).sort()
  return [
    { name: 'vpm.embeddings.patch_embedding.bias', shape: [WIDTH] },
    { name: 'vpm.embeddings.patch_embedding.weight', shape: [WIDTH, 3, 14, 14] },
    { name: 'vpm.embeddings.position_embedding.weight', shape: [4900, WIDTH] },
    ...layers.flatMap((layer) => [
      ...['layer_norm1', 'layer_norm2'].flatMap((name) => norm(`${layer}.${name}`)),
      ...linear(`${layer}.mlp.fc1`, MLP, WIDTH),
      ...linear(`${layer}.mlp.fc2`, WIDTH, MLP),
      ...['k_proj', 'out_proj', 'q_proj', 'v_proj'].flatMap((name) =>
        linear(`${layer}.self_attn.${name}`, WIDTH, WIDTH),
      ),
    ]),
    ...norm('vpm.post_layernorm'),
  ]
}

/** @returns {Tensor[]} the resampler's 13, which a tower does not read */
function resampler() {
  const width = 3584
  return [
    ...['attn.in_proj_bias', 'attn.in_proj_weight', 'attn.out_proj.bias', 'attn.out_proj.weight'].map((name) => ({
      name,
      shape: [(name.includes('in_proj') ? 3 : 1) * width, ...(name.endsWith('weight') ? [width] : [])],
    })),
    { name: 'kv_proj.weight', shape: [width, WIDTH] },
    ...['ln_kv', 'ln_post', 'ln_q'].flatMap((name) =>
      ['bias', 'weight'].map((part) => ({ name: `${name}.${part}`, shape: [width] })),
    ),
    { name: 'proj', shape: [width, width] },
    { name: 'query', shape: [64, width] },
  ].map(({ name, shape }) => ({ name: `resampler.${name}`, shape }))
}

const bytesOf = ({ shape }) => shape.reduce((product, size) => product * size, 2)

/** @returns {Tensor[]} */
function language(shard) {
  const count = LANGUAGE_TENSORS[shard] ?? 1
  const each = Math.floor((LANGUAGE_BYTES[shard] ?? 0) / count / 2)
  return Array.from({ length: count }, (_, i) => ({
    name: `llm.model.layers.${shard * 200 + i}.weight`,
    shape: [each],
  }))
}

/**
 * Makes the repository once.
 * @returns its bytes as declared, and the span of the last shard that holds the tower and nothing else
 */
export async function makeRepository(folder) {
  const names = LANGUAGE_BYTES.map((_, i) => `model-0000${i + 1}-of-00004.safetensors`)
  const shards = names.map((_, i) => (i < 3 ? language(i) : [...language(i), ...resampler(), ...tower()]))
  const declared = shards.flat().reduce((sum, tensor) => sum + bytesOf(tensor), 0)
  const done = join(folder, 'model.safetensors.index.json')
  if (existsSync(done)) return { declared, span: towerSpan(folder, names.at(-1)) }
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const [i, tensors] of shards.entries()) await writeShard(join(folder, names[i] ?? ''), tensors)
  const weight_map = Object.fromEntries(shards.flatMap((tensors, i) => tensors.map(({ name }) => [name, names[i]])))
  const vision_config = {
    hidden_size: WIDTH,
    intermediate_size: MLP,
    num_hidden_layers: LAYERS,
    num_attention_heads: 16,
  }
  const config = {
    model_type: 'minicpmv',
    drop_vision_last_layer: false,
    vision_config: { ...vision_config, image_size: 980, patch_size: 14 },
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  // Last, and at once: its presence says that all is there.
  await writeFile(`${done}.part`, JSON.stringify({ metadata: { total_size: declared }, weight_map }))
  await rename(`${done}.part`, done)
  return { declared, span: towerSpan(folder, names.at(-1)) }
}

function towerSpan(folder, file) {
  const end = statSync(join(folder, file)).size
  return { file, begin: end - TOWER_BYTES, end }
}

/** What begins with `vpm.` is noise; the rest is never written, and so reads as zeros. */
async function writeShard(path, tensors) {
  let at = 0
  const header = { __metadata__: { format: 'pt' } }
  for (const tensor of tensors) {
    header[tensor.name] = { dtype: 'BF16', shape: tensor.shape, data_offsets: [at, (at += bytesOf(tensor))] }
  }
  const text = Buffer.from(JSON.stringify(header))
  const head = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ')
  head.writeBigUInt64LE(BigInt(head.length - 8))
  text.copy(head, 8)
  const file = await open(path, 'w')
  try {
    await file.write(head, 0, head.length, 0)
    for (const tensor of tensors) {
      if (!tensor.name.startsWith('vpm.')) continue
      await file.write(noise(bytesOf(tensor)), 0, bytesOf(tensor), head.length + header[tensor.name].data_offsets[0])
    }
    await file.truncate(head.length + at)
  } finally {
    await file.close()
  }
}

/** bf16 of either sign, of magnitudes below 1, and finite. */
function noise(bytes) {
  const values = new Uint16Array(bytes / 2)
  randomFillSync(values)
  for (let i = 0; i < values.length; i++) values[i] = ((values[i] ?? 0) & 0x83ff) | 0x3c00
  return values
}
