import { byId, listItem } from './dom.js'
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

export interface Sample extends Source {
  readonly file: string
}

const sample = (file: string, name: string, emoji: boolean, mark: Source['mark']): Sample => ({
  ...{ file, name, emoji, mark },
  open: () => fetchSample(file, name),
})

export const SAMPLES: readonly [Sample, ...Sample[]] = [
  sample('animals.png', 'Animals', true, [0.71, 0.26]),
  sample('picnic.png', 'Picnic', true, [0.88, 0.39]),
  sample('traffic.png', 'Traffic', true, [0.8, 0.54]),
  sample('night.png', 'Night', true, [0.84, 0.85]),
  sample('street.png', 'Street', false, [0.72, 0.3]),
  sample('balloons.png', 'Balloons', false, [0.3, 0.35]),
]

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

  const buttons = SAMPLES.map((sample) => {
    const button = sampleButton(sample)
    button.addEventListener('click', () => {
      press(button)
      onPicture(sample)
    })
    return button
  })
  byId('samples', HTMLUListElement).replaceChildren(...buttons.map(listItem))

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
  const index = Math.max(
    0,
    SAMPLES.findIndex((sample) => sample.name === name),
  )
  document.querySelectorAll<HTMLButtonElement>('button.sample')[index]?.click()
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

function sampleButton({ file, name }: Sample): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'sample'
  button.setAttribute('aria-pressed', 'false')
  const image = document.createElement('img')
  image.src = `./samples/${file}`
  image.alt = ''
  image.width = 72
  image.height = 54
  const label = document.createElement('span')
  label.textContent = name
  button.append(image, label)
  return button
}

function press(pressed: HTMLButtonElement | null): void {
  for (const button of document.querySelectorAll('button.sample')) {
    button.setAttribute('aria-pressed', String(button === pressed))
  }
}

async function fetchSample(file: string, name: string): Promise<Blob> {
  const response = await fetch(`./samples/${file}`)
  if (!response.ok)
    throw new Error(`The sample “${name}” could not be fetched: the server answered ${response.status}.`)
  return response.blob()
}
