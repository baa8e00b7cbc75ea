import { byId, onEnter } from './dom.js'
import { KNOWN_MODELS, whatIsFetched } from './known-models.js'
import { modelOfFiles } from './model-files.js'
import type { Model, ModelKind } from './models.js'
import { showAlert } from './status.js'

/** Where a chosen model goes. */
export interface ModelEvents {
  readonly onBuiltInModel: () => void
  readonly onModel: (model: Model) => void
}

const PANELS: Readonly<Record<ModelKind, string>> = {
  'built-in': 'model-built-in',
  files: 'model-files',
  name: 'model-name',
}
const nameField = byId('model-name-input', HTMLInputElement)
const fileField = byId('model-file-input', HTMLInputElement)

/** Listens to the part of the settings that chooses a model. */
export function startModelSettings({ onBuiltInModel, onModel }: ModelEvents): void {
  for (const radio of radios()) {
    radio.addEventListener('change', () => {
      const kind = radio.value as ModelKind
      showPanel(kind)
      if (kind === 'built-in') onBuiltInModel()
    })
  }
  startFiles(onModel)
  startName(onModel)
}

/** Shows which kind of model is in use, when that is not what was chosen last. */
export function selectModelKind(kind: ModelKind): void {
  for (const radio of radios()) radio.checked = radio.value === kind
  showPanel(kind)
}

/** Opens the browser's dialog for the files of a checkpoint. */
export function chooseModelFiles(): void {
  selectModelKind('files')
  fileField.click()
}

/** Shows the name that was given last, to be corrected. */
export function editModelName(): void {
  selectModelKind('name')
  nameField.focus()
  nameField.select()
}

/** Offers the model that a link names. Nothing is fetched before somebody agrees. */
export async function offerModel(name: string, load: (model: Model) => void): Promise<void> {
  nameField.value = name
  showAlert(`This link was made with ${name}. ${await whatIsFetched(name)}`, 'Load it', () => {
    load(modelOfName(name))
  })
}

let asked = 0

/** Says what the name in the field would fetch. What is kept changes that. */
export async function showWhatIsFetched(): Promise<void> {
  const mine = ++asked
  const text = await whatIsFetched(nameField.value.trim() || nameField.placeholder)
  if (mine === asked) byId('model-name-note', HTMLParagraphElement).textContent = text
}

function radios(): NodeListOf<HTMLInputElement> {
  return byId('settings', HTMLFormElement).querySelectorAll<HTMLInputElement>('input[name=model]')
}

function showPanel(kind: ModelKind): void {
  for (const [name, id] of Object.entries(PANELS)) byId(id, HTMLDivElement).hidden = name !== kind
  if (kind === 'name') void showWhatIsFetched()
}

function startFiles(onModel: ModelEvents['onModel']): void {
  for (const input of [fileField, byId('model-folder-input', HTMLInputElement)]) {
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])]
      // So that choosing the same files again is a change again.
      input.value = ''
      if (files.length > 0) onModel(modelOfFiles(files))
    })
  }
}

function startName(onModel: ModelEvents['onModel']): void {
  const options = KNOWN_MODELS.map(({ name }) => new Option(name, name))
  byId('known-models', HTMLDataListElement).replaceChildren(...options)
  const load = (): void => {
    const text = nameField.value.trim()
    if (text) onModel(modelOfName(text))
    else nameField.focus()
  }
  byId('model-name-load', HTMLButtonElement).addEventListener('click', load)
  onEnter(nameField, load)
  nameField.addEventListener('input', () => void showWhatIsFetched())
}

function modelOfName(text: string): Model {
  if (!/^https?:/i.test(text) || !URL.canParse(text)) return { kind: 'name', source: text, label: text }
  const url = new URL(text)
  // Without a query, which may hold secrets.
  return { kind: 'name', source: url, label: url.origin + url.pathname }
}
