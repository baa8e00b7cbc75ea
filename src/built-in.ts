import type { URL as Address } from './platform.js'

/**
 * Address of the built-in model, sovit-nano: a SoViT of 2.4 M parameters, trained on drawings, so that everything runs
 * with no download (its names: `sovit/nano`). Bundlers find the file by this expression and ship it.
 */
export const builtInModel: Address = new URL('../weights/nano/sovit-nano.safetensors', import.meta.url)
