import type { VisionConfig } from './config.js'
import type { Network, Operation, Parameter, Value } from './network.js'

/**
 * SoViT, the shape-optimised ViT (arXiv 2305.13035) as SigLIP trains it (arXiv 2303.15343): patch embedding, learned
 * positions, L pre-norm blocks, final layer norm. No class token, no registers, biases everywhere.
 * Parameter names are the suffixes that every checkpoint layout shares.
 */
export function sovit(config: VisionConfig): Network {
  const { layers: L, width: C, heads, headSize, mlp: F, patch: p, table: S, gelu: form, eps } = config
  const operations: Operation[] = []
  const emit = (operation: Operation): Value => {
    operations.push(operation)
    return operation.out
  }
  const layerNorm = (out: Value, x: Value, name: string): Value =>
    emit({ op: 'layer_norm', out, x, eps, weight: vector(`${name}.weight`, C), bias: vector(`${name}.bias`, C) })
  const linear = (out: Value, x: Value, name: string, N: number, K: number): Value =>
    emit({ op: 'linear', out, x, weight: matrix(`${name}.weight`, N, K), bias: vector(`${name}.bias`, N) })

  // Embeddings: one linear map of each patch, plus one row of the position table.
  const patches = emit({
    op: 'patch_embed',
    out: 'embeddings/patch',
    weight: { name: 'embeddings.patch_embedding.weight', shape: [C, 3, p, p] },
    bias: vector('embeddings.patch_embedding.bias', C),
  })
  const table = matrix('embeddings.position_embedding.weight', S * S, C)
  let x = emit({ op: 'position', out: 'embeddings', x: patches, table })
  const taps = [x]

  for (let l = 0; l < L; l++) {
    const block = `layer.${l}`
    const name = `encoder.layers.${l}`

    // x ← x + Attention(LN(x))
    const norm1 = layerNorm(`${block}/norm1`, x, `${name}.layer_norm1`)
    const q = linear(`${block}/q`, norm1, `${name}.self_attn.q_proj`, C, C)
    const k = linear(`${block}/k`, norm1, `${name}.self_attn.k_proj`, C, C)
    const v = linear(`${block}/v`, norm1, `${name}.self_attn.v_proj`, C, C)
    const attention = emit({ op: 'attention', out: `${block}/attention`, q, k, v, heads, headSize })
    const projected = linear(`${block}/out`, attention, `${name}.self_attn.out_proj`, C, C)
    x = emit({ op: 'add', out: `${block}/attended`, x, y: projected })

    // x ← x + MLP(LN(x))
    const norm2 = layerNorm(`${block}/norm2`, x, `${name}.layer_norm2`)
    const up = linear(`${block}/fc1`, norm2, `${name}.mlp.fc1`, F, C)
    const activated = emit({ op: 'gelu', out: `${block}/gelu`, x: up, form })
    const down = linear(`${block}/fc2`, activated, `${name}.mlp.fc2`, C, F)
    x = emit({ op: 'add', out: block, x, y: down })
    taps.push(x)
  }

  const output = layerNorm('tokens', x, 'post_layernorm')
  return { operations, output, taps }
}

function matrix(name: string, rows: number, columns: number): Parameter {
  return { name, shape: [rows, columns] }
}

function vector(name: string, size: number): Parameter {
  return { name, shape: [size] }
}
