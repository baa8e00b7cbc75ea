import { bf16Numbers } from '../onnx/tower.js'

/**
 * The residual stream after one block in plain f64, for `count` rows spread over the picture: keys and values need all
 * rows, everything else only those. Written from the formula, with nothing of the library's.
 * @param {import('./subject.js').Subject} subject
 * @param {number} count
 * @returns {{ rows: number[], values: Float64Array }}
 */
export function referenceRows(subject, count) {
  const { config, tower, positions } = subject
  const { width: C, heads, headSize: D, eps } = config
  const numbers = (name) => Float64Array.from(bf16Numbers(tower.get(name)?.data ?? new Uint16Array()))
  const linear = (x, name) => affine(x, numbers(`${name}.weight`), numbers(`${name}.bias`))
  const norm = (x, name) => layerNorm(x, numbers(`${name}.weight`), numbers(`${name}.bias`), eps)
  const block = 'encoder.layers.0'

  const embedded = linear(Float64Array.from(subject.rows), 'embeddings.patch_embedding')
  const table = numbers('embeddings.position_embedding.weight')
  positions.forEach((position, p) => {
    for (let c = 0; c < C; c++) embedded[p * C + c] += table[position * C + c]
  })
  const P = positions.length
  const rows = Array.from({ length: Math.min(count, P) }, (_, i) => Math.floor((i * P) / Math.min(count, P)))
  const normed = norm(embedded, `${block}.layer_norm1`)
  const keys = linear(normed, `${block}.self_attn.k_proj`)
  const values = linear(normed, `${block}.self_attn.v_proj`)
  const queries = linear(pick(normed, rows, C), `${block}.self_attn.q_proj`)
  const mixed = attend(queries, keys, values, heads, D)
  const middle = add(pick(embedded, rows, C), linear(mixed, `${block}.self_attn.out_proj`))
  const up = linear(norm(middle, `${block}.layer_norm2`), `${block}.mlp.fc1`).map(gelu)
  return { rows, values: add(middle, linear(up, `${block}.mlp.fc2`)) }
}

/**
 * |x - reference|² / |reference|² over the rows of the reference.
 * @param {ArrayLike<number>} x
 * @param {{ rows: number[], values: Float64Array }} reference
 * @returns {number}
 */
export function referenceError(x, { rows, values }) {
  const C = values.length / rows.length
  const own = pick(x, rows, C)
  const power = values.reduce((sum, value) => sum + value * value, 0)
  return values.reduce((sum, value, i) => sum + (own[i] - value) ** 2, 0) / power
}

/** x[R,K] · weight[N,K]ᵀ + bias[N], four columns at a time so that sums overlap. */
function affine(x, weight, bias) {
  const N = bias.length
  const K = weight.length / N
  const y = new Float64Array((x.length / K) * N)
  for (let r = 0; r < x.length / K; r++) {
    for (let n = 0; n < N; n += 4) {
      let [a, b, c, d] = [0, 0, 0, 0]
      for (let k = 0; k < K; k++) {
        const v = x[r * K + k]
        a += v * weight[n * K + k]
        b += v * weight[(n + 1) * K + k]
        c += v * weight[(n + 2) * K + k]
        d += v * weight[(n + 3) * K + k]
      }
      y.set([a + bias[n], b + bias[n + 1], c + bias[n + 2], d + bias[n + 3]], r * N + n)
    }
  }
  return y
}

function layerNorm(x, weight, bias, eps) {
  const C = weight.length
  const y = new Float64Array(x.length)
  for (let r = 0; r < x.length; r += C) {
    const row = x.subarray(r, r + C)
    const mean = row.reduce((sum, v) => sum + v, 0) / C
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C
    for (let c = 0; c < C; c++) y[r + c] = ((row[c] - mean) / Math.sqrt(variance + eps)) * weight[c] + bias[c]
  }
  return y
}

function attend(q, k, v, heads, D) {
  const C = heads * D
  const P = k.length / C
  const y = new Float64Array(q.length)
  for (let r = 0; r < q.length; r += C) {
    for (let h = 0; h < C; h += D) {
      const scores = Float64Array.from({ length: P }, (_, p) => {
        let sum = 0
        for (let d = 0; d < D; d++) sum += q[r + h + d] * k[p * C + h + d]
        return sum / Math.sqrt(D)
      })
      const most = scores.reduce((a, b) => Math.max(a, b), -Infinity)
      const shares = scores.map((score) => Math.exp(score - most))
      const total = shares.reduce((sum, share) => sum + share, 0)
      shares.forEach((share, p) => {
        for (let d = 0; d < D; d++) y[r + h + d] += (share / total) * v[p * C + h + d]
      })
    }
  }
  return y
}

function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

function add(x, y) {
  return x.map((value, i) => value + y[i])
}

function pick(x, rows, C) {
  return Float64Array.from({ length: rows.length * C }, (_, i) => x[rows[Math.floor(i / C)] * C + (i % C)])
}
