import type { EncodeOptions } from 'sovit'
import { byId } from './dom.js'

export type Size = NonNullable<EncodeOptions['size']>

/** Where changed settings go. */
export interface SettingsEvents {
  readonly onSize: (size: Size) => void
  readonly onBuiltInModel: () => void
  readonly onModel: (source: File | URL | string) => void
}

const SIZE_NOTES: Readonly<Record<string, string>> = {
  '448': 'Squashed to a square of 32 × 32 patches, as MiniCPM-V does with each slice.',
  native: 'Aspect kept, no side above what the position table reaches (980 pixels). Large pictures take their time.',
  custom: '',
}

/** Listens to the settings form. Every change takes effect at once; what needs more input waits for its button. */
export function startSettings(events: SettingsEvents): void {
  const form = byId('settings', HTMLFormElement)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
  })
  for (const radio of form.querySelectorAll<HTMLInputElement>('input[name=size]')) {
    radio.addEventListener('change', () => {
      showSize(radio.value, events)
    })
  }
  for (const radio of form.querySelectorAll<HTMLInputElement>('input[name=model]')) {
    radio.addEventListener('change', () => {
      showModel(radio.value)
      if (radio.value === 'built-in') events.onBuiltInModel()
    })
  }
  showSizeNote('448')
  startCustomSize(events)
  startModelInputs(events)
}

/** Shows which kind of model is in use, for a model that did not come from the form. */
export function selectModelKind(kind: 'built-in' | 'file'): void {
  const radio = byId('settings', HTMLFormElement).querySelector<HTMLInputElement>(`input[name=model][value=${kind}]`)
  if (radio) radio.checked = true
  showModel(kind)
}

function showSize(value: string, { onSize }: SettingsEvents): void {
  showSizeNote(value)
  if (value === '448') onSize(448)
  else if (value === 'native') onSize('native')
  else byId('size-height', HTMLInputElement).focus()
}

function showSizeNote(value: string): void {
  const note = byId('size-note', HTMLParagraphElement)
  note.textContent = SIZE_NOTES[value] ?? ''
  note.hidden = value === 'custom'
  byId('size-custom', HTMLParagraphElement).hidden = value !== 'custom'
}

function startCustomSize({ onSize }: SettingsEvents): void {
  const height = byId('size-height', HTMLInputElement)
  const width = byId('size-width', HTMLInputElement)
  const apply = (): void => {
    if (!height.reportValidity() || !width.reportValidity()) return
    onSize({ height: height.valueAsNumber, width: width.valueAsNumber })
  }
  byId('size-apply', HTMLButtonElement).addEventListener('click', apply)
  onEnter(height, apply)
  onEnter(width, apply)
}

function showModel(kind: string): void {
  for (const name of ['built-in', 'file', 'address']) byId(`model-${name}`, HTMLParagraphElement).hidden = name !== kind
}

function startModelInputs({ onModel }: SettingsEvents): void {
  const file = byId('model-file-input', HTMLInputElement)
  file.addEventListener('change', () => {
    const chosen = file.files?.[0]
    if (chosen) onModel(chosen)
    file.value = ''
  })
  const address = byId('model-address-input', HTMLInputElement)
  const load = (): void => {
    const text = address.value.trim()
    if (text) onModel(/^https?:/i.test(text) && URL.canParse(text) ? new URL(text) : text)
    else address.focus()
  }
  byId('model-address-load', HTMLButtonElement).addEventListener('click', load)
  onEnter(address, load)
}

/** Enter in a field does what the button beside it does; a form has no second default button. */
function onEnter(field: HTMLInputElement, act: () => void): void {
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return
    event.preventDefault()
    act()
  })
}
