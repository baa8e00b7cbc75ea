/** The tensors of what lies behind the tower, and of the merger within it, by canonical name, in the order of the network. */
import type { MergerConfig, PoolingConfig, ResamplerConfig, VisionConfig } from './config.js'
import { attentionTensors, linearTensors, normTensors, type ExpectedTensor } from './layouts.js'

/** What shapes depend on. */
export type HeadSizes = Pick<VisionConfig, 'width' | 'pooling' | 'resampler' | 'merger'>

export function headTensors({ width, pooling, resampler, merger }: HeadSizes): ExpectedTensor[] {
  return [
    ...(merger?.mode === '16x' ? windowTensors(width, merger) : []),
    ...(merger ? mergerTensors(width, merger) : []),
    ...(pooling ? poolingTensors(width, pooling) : []),
    ...(resampler ? resamplerTensors(width, resampler) : []),
  ]
}

function windowTensors(width: number, { windowMlp }: MergerConfig): ExpectedTensor[] {
  return [
    ...normTensors('vit_merger.layer_norm1', width),
    ...attentionTensors('vit_merger.self_attn', width),
    ...normTensors('vit_merger.pre_norm', 4 * width),
    ...linearTensors('vit_merger.linear_1', windowMlp, 4 * width),
    ...linearTensors('vit_merger.linear_2', width, windowMlp),
  ]
}

function mergerTensors(width: number, { times, width: out }: MergerConfig): ExpectedTensor[] {
  return Array.from({ length: times }, (_, i) => [
    ...normTensors(`merger.mlp.${i}.pre_norm`, 4 * width),
    ...linearTensors(`merger.mlp.${i}.linear_1`, 4 * width, 4 * width),
    ...linearTensors(`merger.mlp.${i}.linear_2`, i === times - 1 ? out : width, 4 * width),
  ]).flat()
}

function poolingTensors(width: number, { mlp }: PoolingConfig): ExpectedTensor[] {
  return [
    { name: 'head.probe', shape: [1, width] },
    ...attentionTensors('head.attention', width),
    ...normTensors('head.layernorm', width),
    ...linearTensors('head.mlp.fc1', mlp, width),
    ...linearTensors('head.mlp.fc2', width, mlp),
  ]
}

function resamplerTensors(width: number, { queries, width: D }: ResamplerConfig): ExpectedTensor[] {
  return [
    { name: 'resampler.query', shape: [queries, D] },
    { name: 'resampler.kv_proj.weight', shape: [D, width] },
    ...['q', 'kv', 'post'].flatMap((x) => normTensors(`resampler.ln_${x}`, D)),
    ...attentionTensors('resampler.attn', D),
    { name: 'resampler.proj', shape: [D, D] },
  ]
}
