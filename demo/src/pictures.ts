import { byId } from './dom.js'
import { isModel, modelOfDrop, readDrop, type Dropped } from './model-files.js'
import type { Model } from './models.js'

interface Sample {
  readonly file: string
  readonly name: string
}

const SAMPLES: readonly Sample[] = [
  { file: 'still-life.png', name: 'Still life' },
  { file: 'harbour.png', name: 'Harbour' },
  { file: 'balloons.png', name: 'Balloons' },
  { file: 'street.png', name: 'Street' },
]

/** Where chosen files go. */
export interface PictureEvents {
  readonly onPicture: (picture: Promise<Blob> | Blob) => void
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
      press(null)
      onPicture(file)
    }
    return true
  }

  const buttons = SAMPLES.map((sample) => {
    const button = sampleButton(sample)
    button.addEventListener('click', () => {
      press(button)
      onPicture(fetchSample(sample))
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
  buttons[0]?.click()
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

function listItem(child: HTMLElement): HTMLLIElement {
  const item = document.createElement('li')
  item.append(child)
  return item
}

function press(pressed: HTMLButtonElement | null): void {
  for (const button of document.querySelectorAll('button.sample')) {
    button.setAttribute('aria-pressed', String(button === pressed))
  }
}

async function fetchSample({ file, name }: Sample): Promise<Blob> {
  const response = await fetch(`./samples/${file}`)
  if (!response.ok)
    throw new Error(`The sample “${name}” could not be fetched: the server answered ${response.status}.`)
  return response.blob()
}
