/**
 * Address of the built-in model: a tiny SoViT with random weights, so that everything runs with no download. Bundlers
 * find the file by this expression and ship it.
 */
export const builtInModel = new URL('../weights/sovit-tiny.safetensors', import.meta.url)
