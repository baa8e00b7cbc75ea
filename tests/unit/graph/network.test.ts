/** The network as data, from the paper's order to the dispatches of a device; nothing here needs a GPU. */
import { describe, expect, test } from 'vitest'
import { sovit400m } from '../../../src/bench/synthetic.js'
import { fuse } from '../../../src/graph/fuse.js'
import { planNetwork } from '../../../src/graph/plan.js'
import { shapes } from '../../../src/graph/shapes.js'
import { KernelCatalog } from '../../../src/gpu/catalog.js'
import { towerTensors } from '../../../src/model/layouts.js'
import { PATCHES, type Network, type Operation, type Parameter } from '../../../src/model/network.js'
import { sovit } from '../../../src/model/sovit.js'

const BIG = sovit400m(27)
const network = sovit(BIG)
const kernels = await KernelCatalog.open({
  arithmetic: 'f32',
  matrix: null,
  software: false,
  workgroupBytes: 16384,
  invocations: 256,
})
const plan = planNetwork(network, { precision: 'f32', stored: () => 'bf16', kernels })

function parameters(operation: Operation): Parameter[] {
  return Object.values(operation).filter(
    (value): value is Parameter => typeof value === 'object' && value !== null && 'shape' in value,
  )
}

/** The network with one of its operations changed. */
function changed(out: string, change: Partial<Record<string, unknown>>, base: Network = network): Network {
  const operations = base.operations.map((one) => (one.out === out ? { ...one, ...change } : one))
  expect(operations).not.toEqual(base.operations)
  return { ...base, operations }
}

describe('the network', () => {
  test('has every tensor of the tower once, in its shape', () => {
    const used = network.operations.flatMap(parameters)
    const order = (a: Parameter, b: Parameter) => (a.name < b.name ? -1 : 1)
    expect([...used].sort(order)).toEqual([...towerTensors(BIG)].sort(order))
    expect(used.length).toBe(437)
    const count = used.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0)
    expect(count).toBe(417_792_240) // the vision tower of MiniCPM-V-2_6
  })

  test('taps the embeddings and every block, all as wide as the stream', () => {
    const known = shapes(network)
    expect(network.taps.map((tap) => known.get(tap)?.columns)).toEqual(Array(28).fill(1152))
    expect(network.taps.slice(0, 2)).toEqual(['embeddings', 'layer.0'])
    expect(known.get('layer.3/gelu')).toEqual({ rows: PATCHES, columns: 4304 })
  })

  test.each<[string, string, Record<string, unknown>, RegExp]>([
    ['a weight of another input width', 'layer.1/fc2', { weight: { name: 'w', shape: [1152, 4300] } }, /4300.*4304/],
    ['a bias of another size', 'layer.1/q', { bias: { name: 'b', shape: [1151] } }, /1151.*1152/],
    ['a norm of another size', 'tokens', { weight: { name: 'w', shape: [1150] } }, /1150.*1152/],
    ['heads that are not the width', 'layer.0/attention', { heads: 15 }, /1152.*1080/],
    ['a sum of different widths', 'layer.2', { x: 'layer.2/fc1' }, /1152.*4304/],
    ['a position table of another width', 'embeddings', { table: { name: 't', shape: [4900, 8] } }, /8.*1152/],
    ['a value that nobody made', 'layer.0/norm1', { x: 'nothing' }, /nothing/],
    ['a value made twice', 'layer.0/norm2', { out: 'layer.0/norm1' }, /layer\.0\/norm1.*twice/],
  ])('%s is an error', (_, out, change, message) => {
    const wrong = () => shapes(changed(out, change))
    expect(wrong).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }))
    expect(wrong).toThrow(message)
  })
})

describe('fuse', () => {
  test('leaves seven dispatches a block, one before and one after', () => {
    const steps = fuse(network)
    expect(steps.length).toBe(1 + 27 * 7 + 1)
    expect(steps.slice(1, 8).map(({ kind, out }) => `${kind} ${out}`)).toEqual([
      'layer_norm layer.0/norm1',
      'matmul layer.0/attention/qkv',
      'attention layer.0/attention',
      'matmul layer.0/attended',
      'layer_norm layer.0/norm2',
      'matmul layer.0/gelu',
      'matmul layer.0',
    ])
    const epilogues = steps.slice(1, 8).flatMap((step) => (step.kind === 'matmul' ? step.epilogue : []))
    expect(epilogues).toEqual(['bias', 'residual', 'gelu_tanh', 'residual'])
    expect(steps[2]).toMatchObject({
      weights: ['q', 'k', 'v'].map((x) => ({ name: `encoder.layers.0.self_attn.${x}_proj.weight` })),
    })
    expect(steps[4]).toMatchObject({ residual: 'embeddings' })
    expect(steps[7]).toMatchObject({ residual: 'layer.0/attended' })
  })

  test('takes the form of the GELU from the network', () => {
    const epilogues = fuse(sovit({ ...BIG, layers: 1, gelu: 'erf' })).flatMap((step) =>
      step.kind === 'matmul' ? step.epilogue : [],
    )
    expect(epilogues).toContain('gelu_erf')
    expect(epilogues).not.toContain('gelu_tanh')
  })

  test.each<[string, Network]>([
    ['a product that somebody else also uses', { ...network, taps: [...network.taps, 'layer.0/fc1'] }],
    ['GELU of something that is no product', changed('layer.0/gelu', { x: 'layer.0/norm2' })],
    ['queries and keys of different inputs', changed('layer.1/k', { x: 'layer.0' })],
  ])('%s is an error', (_, wrong) => {
    expect(() => fuse(wrong)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }))
  })
})

describe('the plan', () => {
  test('uploads every parameter once, and binds every buffer with the rows it needs', () => {
    const names = plan.weights.flatMap(({ parts }) => parts.map(({ name }) => name))
    expect(names.sort()).toEqual(
      towerTensors(BIG)
        .map(({ name }) => name)
        .sort(),
    )
    for (const { kernel, operands } of plan.steps) expect(operands.length).toBe(kernel.bindings.length)
    expect(plan.taps.map(({ step }) => plan.steps[step]?.label)).toEqual(network.taps)
  })

  test('keeps matrices as stored and vectors in f32; precision f16 makes matrices f16', () => {
    const formats = (label: RegExp, { weights } = plan) =>
      new Set(weights.filter((weight) => label.test(weight.label)).map(({ format }) => format))
    expect(formats(/fc1\.weight|position_embedding/)).toEqual(new Set(['bf16']))
    expect(formats(/bias|norm/)).toEqual(new Set(['f32']))
    const half = planNetwork(network, { precision: 'f16', stored: () => 'bf16', kernels })
    expect(formats(/fc1\.weight|position_embedding/, half)).toEqual(new Set(['f16']))
    expect(formats(/bias|norm/, half)).toEqual(new Set(['f32']))
  })

  test('compiles each kernel once for all blocks, and needs a handful of buffers', () => {
    expect(new Set(plan.steps.map(({ kernel }) => kernel)).size).toBe(7)
    // Never fewer than what fc1 reads and writes while the stream waits: 2·C + F.
    const widest = plan.arena.slots.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(widest).toBeGreaterThanOrEqual((2 * 1152 + 4304) * 4)
    expect(widest).toBeLessThanOrEqual(1.5 * (2 * 1152 + 4304) * 4)
  })

  test('no step writes a buffer that it reads', () => {
    for (const { label, operands, kernel } of plan.steps) {
      const slots = operands.flatMap((operand, i) =>
        operand.kind === 'value' ? { slot: plan.arena.slotOf.get(operand.value), ...kernel.bindings[i] } : [],
      )
      const written = slots.filter(({ access }) => access !== 'read').map(({ slot }) => slot)
      const read = slots.filter(({ access }) => access === 'read').map(({ slot }) => slot)
      expect(written.length, label).toBe(1)
      expect(read, label).not.toContain(written[0])
    }
  })

  test('a weight larger than a binding is multiplied by in parts, which make its columns in turn', () => {
    const bindingBytes = 1e6 // fc1 has 4304 rows of 2304 bytes
    const parts = planNetwork(network, { precision: 'f32', stored: () => 'bf16', kernels, bindingBytes })
    expect(parts.towerSteps).toBe(parts.steps.length)
    expect(parts.taps.map(({ step }) => parts.steps[step]?.label)).toEqual(network.taps)
    const fc1 = parts.steps.filter(({ label }) => label === 'layer.0/gelu')
    expect(fc1.length).toBe(Math.ceil(4304 / 384))
    let rows = 0
    for (const { kernel, operands } of fc1) {
      const of = (name: string) => operands[kernel.bindings.findIndex((binding) => binding.name === name)]
      const N = kernel.dims.N ?? 0
      expect(kernel.dims.stride).toBe(4304)
      expect(of('weight')).toMatchObject({ from: rows * 2304, size: N * 2304 })
      expect(N * 2304).toBeLessThanOrEqual(bindingBytes)
      // Every binding begins where a device lets one begin.
      if (rows > 0) expect([of('y'), of('bias')]).toMatchObject([{ from: rows * 4 }, { from: rows * 4 }])
      expect((rows * 4) % 256).toBe(0)
      rows += N
    }
    expect(rows).toBe(4304)
  })
})
