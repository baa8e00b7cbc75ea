import type { Kernel } from '../../src/gpu/kernel.js'

/**
 * A kernel on subgroup matrices, rewritten in plain WGSL: a subgroup is one invocation, a matrix an array of its own, so
 * that shapes which no device here has are computed all the same. The rest of the shader runs as it is. The kernel must be
 * specialised for subgroups of one lane.
 */
export function emulateMatrices(kernel: Kernel): Kernel {
  const { code } = kernel
  const matrices = { Left: matrixOf(code, 'Left'), Right: matrixOf(code, 'Right'), Result: matrixOf(code, 'Result') }
  const helpers = new Map<string, string>()
  const lets: string[] = []
  const builtin = (value: string) => (_: string, name: string) => {
    lets.push(`  let ${name} = ${value};`)
    return ''
  }
  const plain = code
    .replace(/^enable (chromium_experimental_subgroup_matrix|subgroups|subgroup_size_control);\n/gm, '')
    .replace(/subgroup_matrix_\w+<(\w+), (\w+), (\w+)>/g, 'array<$1, $2 * $3>')
    // Matrices are passed by reference: a compiler would unroll their copies, which takes it minutes.
    .replace(/let (\w+) = subgroupMatrixLoad<(\w+)/g, 'var $1: $2;\n$1 = subgroupMatrixLoad<$2')
    .replace(/^ *(.+) = subgroupMatrixLoad<(\w+), (row|col)_major>\(&(\w+),/gm, (...found) => {
      const [, to, use, major, array] = found as unknown as [string, string, Use, Major, string]
      const name = `load_${use}_${major}_${array}`
      helpers.set(name, loader(name, matrices[use], major, arrayOf(code, array, matrices[use])))
      return `${name}(&${to},`
    })
    .replace(/subgroupMatrixStore<row_major>\(&(\w+), (.+), (.+), (\S+)\);/g, (...found) => {
      const [, array, offset, from, stride] = found as unknown as [string, string, string, string, string]
      const name = `store_${array}`
      helpers.set(name, storer(name, matrices.Result, arrayOf(code, array, matrices.Result)))
      return `${name}(${offset}, &${from}, ${stride});`
    })
    .replace(/^ *(.+) = subgroupMatrixMultiplyAccumulate\((.+), (.+), \1\);/gm, 'multiply_accumulate(&$2, &$3, &$1);')
    .replace(/subgroupShuffleXor\(/g, 'shuffle_xor(')
    .replace(/ *@builtin\(subgroup_invocation_id\) (\w+): u32,?\n/, builtin('0u'))
    .replace(/ *@builtin\(subgroup_id\) (\w+): u32,?\n/, builtin('index'))
    .replace(/(@compute[^{]*\{\n)/, (head) => head + lets.map((line) => `${line}\n`).join(''))
  return { ...kernel, code: [plain, ...helpers.values(), multiplier(matrices), RUNTIME].join('\n') }
}

type Use = 'Left' | 'Right' | 'Result'
type Major = 'row' | 'col'

/** Texts of a kind of matrix: its alias' component, rows and columns. */
interface Matrix {
  readonly type: string
  readonly component: string
  readonly rows: string
  readonly columns: string
}

/** Left is declared <T, K, M>, right <T, N, K>, result <T, N, M>: columns before rows. */
function matrixOf(code: string, use: Use): Matrix {
  const declared = new RegExp(`alias ${use} = subgroup_matrix_${use.toLowerCase()}<(\\w+), (\\w+), (\\w+)>;`).exec(code)
  if (!declared) throw new Error(`the shader declares no alias ${use} of a subgroup matrix`)
  const [, component = '', columns = '', rows = ''] = declared
  return { type: use, component, rows, columns }
}

/** How an array in memory holds values of a component. */
interface MemoryArray {
  /** Values of one element of the array, by which offsets and strides count. */
  readonly values: number
  /** Text of value `i`. */
  readonly get: (i: string) => string
  /** Text that sets values `i` and `i + 1`, i even. */
  readonly setPair: (i: string, first: string, second: string) => string
}

function arrayOf(code: string, name: string, { component }: Matrix): MemoryArray {
  const scalar = new RegExp(`^alias ${component} = (\\w+);`, 'm').exec(code)?.[1] ?? component
  const element = new RegExp(`> ${name}: array<((?:vec4<\\w+>|\\w+))`).exec(code)?.[1] ?? ''
  const word = (i: string) => `${name}[(${i}) / 4u][(${i}) % 4u]`
  if (element === 'vec4<u32>' && scalar === 'f16') {
    const get = (i: string) => `${component}(unpack2x16float(${word(`(${i}) / 2u`)})[(${i}) % 2u])`
    const pack = (a: string, b: string) => `pack2x16float(vec2f(f32(${a}), f32(${b})))`
    return { values: 8, get, setPair: (i, a, b) => `${word(`(${i}) / 2u`)} = ${pack(a, b)};` }
  }
  const bits = element === 'vec4<u32>'
  const at = element.startsWith('vec4') ? word : (i: string) => `${name}[${i}]`
  const get = (i: string) => (bits ? `bitcast<f32>(${at(i)})` : at(i))
  const set = (i: string, value: string) => `${at(i)} = ${bits ? `bitcast<u32>(${value})` : value};`
  const setPair = (i: string, a: string, b: string) => `${set(i, a)} ${set(`${i} + 1u`, b)}`
  return { values: element.startsWith('vec4') ? 4 : 1, get, setPair }
}

function loader(name: string, { type, rows, columns }: Matrix, major: Major, array: MemoryArray): string {
  const [line, along] = major === 'row' ? ['r', 'c'] : ['c', 'r']
  return `
fn ${name}(m: ptr<function, ${type}>, offset: u32, stride: u32) {
  for (var r = 0u; r < ${rows} + nothing; r++) {
    for (var c = 0u; c < ${columns} + nothing; c++) {
      let i = (offset + ${line} * stride) * ${array.values}u + ${along};
      m[r * ${columns} + c] = ${array.get('i')};
    }
  }
}`
}

function storer(name: string, { type, rows, columns }: Matrix, array: MemoryArray): string {
  return `
fn ${name}(offset: u32, m: ptr<function, ${type}>, stride: u32) {
  for (var r = 0u; r < ${rows} + nothing; r++) {
    for (var c = 0u; c < ${columns} + nothing; c += 2u) {
      let i = (offset + r * stride) * ${array.values}u + c;
      ${array.setPair('i', `m[r * ${columns} + c]`, `m[r * ${columns} + c + 1u]`)}
    }
  }
}`
}

function multiplier({ Left, Right, Result }: Readonly<Record<Use, Matrix>>): string {
  return `
fn multiply_accumulate(left: ptr<function, Left>, right: ptr<function, Right>, sums: ptr<function, Result>) {
  for (var i = 0u; i < ${Left.rows} + nothing; i++) {
    for (var j = 0u; j < ${Right.columns} + nothing; j++) {
      var sum = sums[i * ${Result.columns} + j];
      for (var k = 0u; k < ${Left.columns} + nothing; k++) {
        sum += ${Result.component}(left[i * ${Left.columns} + k]) * ${Result.component}(right[k * ${Right.columns} + j]);
      }
      sums[i * ${Result.columns} + j] = sum;
    }
  }
}`
}

/** `nothing` is 0, which compilers cannot know: they would take minutes to unroll the loops over matrices. */
const RUNTIME = `
var<workgroup> nothing: u32;

fn shuffle_xor(value: f32, mask: u32) -> f32 {
  return value;
}`
