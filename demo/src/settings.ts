import { byId, onEnter } from './dom.js'

export type Size = number | 'native' | { readonly height: number; readonly width: number }

/** Where changed settings go. */
export interface SettingsEvents {
  readonly onSize: (size: Size) => void
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
  showSizeNote('448')
  startCustomSize(events)
}

/** A size as links have it. */
export function sizeText(size: Size): string {
  if (size === 448) return ''
  return typeof size === 'object' ? `${size.height}x${size.width}` : String(size)
}

/** Chooses a size that a link tells, as a click would; nothing for what is none. */
export function chooseSize(text: string): void {
  const [height = NaN, width = NaN] = text.split('x').map(Number)
  const custom = height >= 14 && width >= 14
  const value = custom ? 'custom' : text
  const radio = [...document.querySelectorAll<HTMLInputElement>('input[name=size]')].find((one) => one.value === value)
  if (!radio) return
  radio.checked = true
  if (custom) {
    byId('size-height', HTMLInputElement).value = String(height)
    byId('size-width', HTMLInputElement).value = String(width)
  }
  // Not as by hand, where the fields are focused: the page would be scrolled to them.
  showSizeNote(value)
  if (custom) byId('size-apply', HTMLButtonElement).click()
  else radio.dispatchEvent(new Event('change', { bubbles: true }))
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
