// The figures of weights/train/metrics.py once more, in plain sums: where the two agree, neither has a slip of its own.
// Cosines are of vectors of length 1. K names, C channels; of a scene `tokens` [P, C], `pooled` [C], `present` [K] (1 shown,
// 0 absent, -1 mostly hidden), `label` [P] (the object's number, -1 background, -2 neither), `cover` [P] (its share of the
// patch).
/**
 * @typedef {{ tokens: Float32Array, pooled: Float32Array, present: Int8Array, label: Int16Array, cover: Float32Array }} Scene
 * @typedef {{ rows: Float32Array[], patchScale: number, patchBias: number }} Names rows of length 1, [K, C]
 */

/** Share of a patch that its object must cover for the patch to count as inside. */
const INSIDE = 0.6
const [BACKGROUND, NEITHER] = [-1, -2]

/** @type {Record<string, (scenes: Scene[], names: Names) => number>} */
export const FIGURES = {
  // Scenes of one object whose pooled embedding is nearest to its name: mean of [argmax_k cos(pooled, k) = shown].
  'pooled top-1': (scenes, { rows }) =>
    mean(scenes.map(({ pooled, present }) => Number(argmax(cosines(pooled, rows)) === argmax(present)))),

  // Of a scene's k names, those among the k nearest; over all names of all scenes. Hidden ones are not ranked.
  recall: (scenes, { rows }) =>
    mean(
      scenes.flatMap(({ pooled, present }) => {
        const scores = cosines(pooled, rows).map((cosine, k) => (present[k] < 0 ? -2 : cosine))
        const shown = indices(present, (value) => value === 1)
        const nearest = scores.map((_, k) => k).sort((a, b) => scores[b] - scores[a] || a - b)
        const ranked = new Set(nearest.slice(0, shown.length))
        return shown.map((k) => Number(ranked.has(k)))
      }),
    ),

  // Patches inside objects that are nearest to the object's name.
  'patch top-1': (scenes, { rows }) =>
    mean(
      scenes.flatMap(({ tokens, label, cover }) => {
        const inside = indices(label, (value, p) => value >= 0 && cover[p] >= Math.fround(INSIDE))
        return inside.map((p) => Number(argmax(cosines(row(tokens, p, label.length), rows)) === label[p]))
      }),
    ),

  // Patches of background for which some name's sigmoid is above one half: exp(scale) · max_k cos + bias > 0.
  'false fire': (scenes, { rows, patchScale, patchBias }) =>
    mean(
      scenes.flatMap(({ tokens, label }) =>
        indices(label, (value) => value === BACKGROUND).map((p) => {
          const most = Math.max(...cosines(row(tokens, p, label.length), rows))
          return Number(Math.exp(patchScale) * most + patchBias > 0)
        }),
      ),
    ),

  AUC: (scenes) => mean(scenes.flatMap((scene) => areas(scene, false))),
  'AUC centred': (scenes) => mean(scenes.flatMap((scene) => areas(scene, true))),
}

/**
 * For each object of a scene, how well the cosine to one of its patches (the first of largest cover) finds the others,
 * against all patches of other objects and of background: area under the ROC curve. `centred`: less the mean token.
 * @param {Scene} scene
 * @param {boolean} centred
 */
function areas({ tokens, label, cover }, centred) {
  const vectors = Array.from(label, (_, p) => Float64Array.from(row(tokens, p, label.length)))
  if (centred) {
    const middle = vectors[0].map((_, i) => mean(vectors.map((vector) => vector[i])))
    for (const vector of vectors) vector.forEach((value, i) => (vector[i] = value - middle[i]))
  }
  const objects = [...new Set(label)].filter((object) => object >= 0)
  return objects.flatMap((object) => {
    const own = indices(label, (value) => value === object)
    const query = own[argmax(own.map((p) => cover[p]))]
    const scores = cosines(vectors[query], vectors)
    const found = own.filter((p) => p !== query).map((p) => scores[p])
    const others = indices(label, (value) => value > NEITHER && value !== object).map((p) => scores[p])
    return found.length > 0 && others.length > 0 ? [auc(found, others)] : []
  })
}

/**
 * Share of pairs in which the found is greater than the other; ties count one half.
 * @param {number[]} found
 * @param {number[]} others
 */
function auc(found, others) {
  const ranked = Float64Array.from(others).sort()
  const pairs = found.map((value) => (lowerBound(ranked, (r) => r >= value) + lowerBound(ranked, (r) => r > value)) / 2)
  return mean(pairs) / others.length
}

/** How many of the ranked come before the first that `holds`. */
function lowerBound(ranked, holds) {
  let [begin, end] = [0, ranked.length]
  while (begin < end) {
    const middle = (begin + end) >> 1
    if (holds(ranked[middle])) end = middle
    else begin = middle + 1
  }
  return begin
}

/** Of one vector with each of several. */
function cosines(vector, others) {
  const length = Math.sqrt(dot(vector, vector))
  return others.map((other) => dot(vector, other) / (length * Math.sqrt(dot(other, other))))
}

function dot(a, b) {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

function row(matrix, index, rows) {
  const columns = matrix.length / rows
  return matrix.subarray(index * columns, (index + 1) * columns)
}

function indices(values, holds) {
  return Array.from(values, (_, i) => i).filter((i) => holds(values[i], i))
}

/** The first of the largest. */
function argmax(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0)
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
