/** Files of tensors, as `sovit encode` writes them and every tool of the field reads them. */
export { encodeSafetensors, type TensorToWrite } from './checkpoint/safetensors-write.js'
export type { DType } from './checkpoint/public.js'
export { readSafetensors, type TensorInMemory } from './checkpoint/safetensors-read.js'
