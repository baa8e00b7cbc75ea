import { builtInModel, SovitError, VisionEncoder } from 'sovit/worker'
import { showModelFacts } from './facts.js'
import { leftBehind, refreshKept } from './kept.js'
import { chooseModelFiles, editModelName, selectModelKind } from './model-settings.js'
import { startLoad, type Model } from './models.js'
import { cancellable, hideAlert, showAlert, showDone, showNote, stopRunning } from './status.js'

const BUILT_IN: Model = { kind: 'built-in', source: builtInModel, label: 'Built in: sovit-nano, trained on emoji' }

/** What was chosen, when it cannot even be listed. */
const NO_FILES: Model = { kind: 'files', source: [], label: '' }

/** A model, and what computes it. */
export interface InUse {
  readonly model: Model
  readonly encoder: VisionEncoder
}

/** The model in use. */
let inUse: InUse | null = null
/** The one that is being loaded. Until it is there, the one in use goes on, but the bar tells of the load. */
let loading: Model | null = null
/** A load is no longer wanted when its number is not this one any more. */
let loads = 0
let onLoaded: () => Promise<void> = () => Promise.resolve()

/** `loaded` is called whenever another model takes the place of the one in use. */
export function startLoading(loaded: () => Promise<void>): void {
  onLoaded = loaded
}

export function modelInUse(): InUse | null {
  return inUse
}

export function isLoading(): boolean {
  return loading !== null
}

export function usesBuiltIn(): boolean {
  return inUse?.model === BUILT_IN
}

/** Loads a model in the place of the present one, which stays in use when that fails. */
export async function useModel(chosen: Model | Promise<Model>): Promise<void> {
  const mine = ++loads
  stopRunning()
  hideAlert()
  let model = NO_FILES
  let settled = Promise.resolve()
  try {
    model = await chosen
    if (mine !== loads) return
    loading = model
    selectModelKind(model.kind)
    const encoder = await cancellable((signal) => {
      const load = startLoad(model, signal)
      settled = load.settled.then(refreshKept)
      return load.encoder
    })
    if (mine !== loads) {
      encoder.dispose()
      return
    }
    loading = null
    inUse?.encoder.dispose()
    inUse = { model, encoder }
    showModelFacts(encoder, model)
    await onLoaded()
  } catch (error) {
    if (mine !== loads) return
    loading = null
    loadFailed(model, error)
    await settled
    const left = goesOn(error) ? await leftBehind(model.source) : ''
    if (mine === loads && left) showNote(left)
  }
}

/** Back to the built-in model; when it is still in use, it is enough not to load another. */
export function useBuiltInModel(): void {
  if (!usesBuiltIn()) void useModel(BUILT_IN)
  else if (loading) stopRunning()
}

/** Whether loading again would go on where this ended, and not end the same way. */
function goesOn(error: unknown): boolean {
  return isAbort(error) || hasCode(error, 'NETWORK', 'TRUNCATED')
}

/** The model in use stays in use, and the page says so by its radio buttons. */
function loadFailed(model: Model, error: unknown): void {
  selectModelKind(inUse?.model.kind ?? 'built-in')
  showFailure(error, ...remedy(model, error))
}

/** What helps most against the failure of a load. */
function remedy(model: Model, error: unknown): [action: string, act: () => void] {
  const again: [string, () => void] = ['Try again', () => void useModel(model)]
  if (model.kind === 'built-in') return again
  if (model.kind === 'files') return ['Choose other files', chooseModelFiles]
  if (hasCode(error, 'ACCESS_DENIED')) return ['Choose files', chooseModelFiles]
  return hasCode(error, 'NETWORK', 'TRUNCATED') ? again : ['Change the name', editModelName]
}

/** What went wrong, with the one thing that helps; nothing where somebody wanted it to end. */
export function showFailure(error: unknown, action: string, act: () => void): void {
  if (!loading) showDone(isAbort(error) ? 'Cancelled' : 'Stopped')
  if (!isAbort(error)) showAlert(error instanceof Error ? error.message : String(error), action, act)
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof SovitError && codes.includes(error.code)
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
