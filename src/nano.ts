/** sovit-nano: the names that the built-in model was trained on. What it is good for: weights/README.md. */
import { builtInModel } from './built-in.js'
import { readLabels, type Labels } from './checkpoint/labels.js'

/** The model itself: what `load()` loads when it is given nothing. */
export { builtInModel }
export type { Labels }
export type { LogitScale } from './features/zero-shot.js'

/**
 * Fetches what sovit-nano knows by name, 92 kB; in Node from the package's folder.
 *
 * ```ts
 * import { zeroShotMap } from 'sovit/features'
 * import { loadLabels } from 'sovit/nano'
 *
 * const { names, vectors, patch } = await loadLabels()
 * const map = zeroShotMap(tokens, dims, vectors, patch) // [P, K]: how surely each patch shows each name
 * ```
 *
 * @throws SovitError `NETWORK`, `NOT_FOUND` and others of a file that cannot be read; `ABORTED`
 */
export function loadLabels({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Labels> {
  // Bundlers find the file by this expression and ship it.
  return readLabels(new URL('../weights/nano/labels.safetensors', import.meta.url), signal)
}
