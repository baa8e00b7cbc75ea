import { byId } from './dom.js'
import { isModel, modelOfDrop, readDrop, type Dropped } from './model-files.js'
import type { Model } from './models.js'

/** A picture that can be opened. */
export interface Source {
  readonly name: string
  /** Whether it shows emoji, which the built-in model knows by name. */
  readonly emoji: boolean
  /** What is marked first: shares of the height and the width. Default: the middle. */
  readonly mark?: readonly [down: number, across: number]
  open(): Promise<Blob>
}

interface Sample extends Source {
  readonly button: HTMLButtonElement
}

/** The samples of the page, in its order. */
export const SAMPLES: readonly Sample[] = [...document.querySelectorAll<HTMLButtonElement>('button.sample')].map(
  (button) => {
    const name = button.textContent.trim()
    const address = button.querySelector('img')?.src ?? ''
    const [down = 0.5, across = 0.5] = (button.dataset.mark ?? '').split(' ').map(Number)
    const emoji = button.dataset.emoji !== undefined
    return { button, name, emoji, mark: [down, across], open: () => fetchSample(address, name) }
  },
)

/** Where chosen files go. */
export interface PictureEvents {
  readonly onPicture: (source: Source) => void
  /** Files of a checkpoint, or a folder, were dropped. */
  readonly onModel: (model: Promise<Model>) => void
}

/** Fills the list of samples and listens to the file input, to drops and to pastes anywhere on the page. */
export function startPictures({ onPicture, onModel }: PictureEvents): void {
  const take = (dropped: Dropped): boolean => {
    const [file] = dropped.files
    if (isModel(dropped)) onModel(modelOfDrop(dropped))
    else if (!file) return false
    else {
      onOwn(file)
    }
    return true
  }
  const onOwn = (file: Blob): void => {
    press(null)
    onPicture({ name: '', emoji: false, open: () => Promise.resolve(file) })
  }

  for (const sample of SAMPLES) {
    sample.button.addEventListener('click', () => {
      press(sample.button)
      onPicture(sample)
    })
  }

  const input = byId('picture-file', HTMLInputElement)
  input.addEventListener('change', () => {
    take({ files: [...(input.files ?? [])], folders: [] })
    // So that choosing the same file again is a change again.
    input.value = ''
  })
  document.addEventListener('paste', (event) => {
    if (event.clipboardData && take(readDrop(event.clipboardData))) event.preventDefault()
  })
  listenToDrops(take)
  offerCamera(onOwn)
}

/** The code of the camera comes when it is asked for. */
function offerCamera(onPicture: (picture: Blob) => void): void {
  // Undefined outside of secure pages, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  const button = byId('camera-open', HTMLButtonElement)
  button.hidden = devices === undefined
  button.addEventListener('click', () => {
    void import('./camera.js').then(({ openCamera }) => openCamera(onPicture))
  })
}

/** Chooses a sample by its name, as a click on it does; the first where there is none of that name. */
export function chooseSample(name: string): void {
  const sample = SAMPLES.find((sample) => sample.name === name) ?? SAMPLES[0]
  sample?.button.click()
}

/** Opens the browser's file dialog for a picture. */
export function choosePicture(): void {
  byId('picture-file', HTMLInputElement).click()
}

/** A drag enters each child anew; only the depth tells when it has left the page. */
function listenToDrops(take: (dropped: Dropped) => boolean): void {
  let depth = 0
  const veil = (change: number): void => {
    depth = Math.max(0, depth + change)
    document.body.classList.toggle('dragging', depth > 0)
  }
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false
  document.addEventListener('dragenter', (event) => {
    if (hasFiles(event)) veil(1)
  })
  document.addEventListener('dragleave', (event) => {
    if (hasFiles(event)) veil(-1)
  })
  document.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault()
  })
  document.addEventListener('drop', (event) => {
    veil(-depth)
    if (!event.dataTransfer || !hasFiles(event)) return
    event.preventDefault()
    take(readDrop(event.dataTransfer))
  })
}

function press(pressed: HTMLButtonElement | null): void {
  for (const { button } of SAMPLES) {
    button.setAttribute('aria-pressed', String(button === pressed))
  }
}

async function fetchSample(address: string, name: string): Promise<Blob> {
  const response = await fetch(address)
  if (!response.ok)
    throw new Error(`The sample “${name}” could not be fetched: the server answered ${response.status}.`)
  return response.blob()
}
