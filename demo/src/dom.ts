/** The element with this id, of the type that the page promises. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} with the id "${id}".`)
  return found
}

/** The 2D context of a canvas; browsers refuse it only when out of memory. */
export function context2d(canvas: HTMLCanvasElement | OffscreenCanvas): CanvasRenderingContext2D {
  const context = canvas.getContext('2d')
  if (!(context instanceof CanvasRenderingContext2D)) throw new Error('This browser refused a 2D canvas.')
  return context
}

/** Resolves after the browser has painted what is on the page now. */
export function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve, 0))
  })
}

/** Calls `run` at most once a frame, with the newest argument. */
export function oncePerFrame<T>(run: (value: T) => void): (value: T) => void {
  let newest: T
  let waiting = false
  return (value) => {
    newest = value
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => {
      waiting = false
      run(newest)
    })
  }
}

/** Enter in a field does what the button beside it does; a form has no second default button. */
export function onEnter(field: HTMLInputElement, act: () => void): void {
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return
    event.preventDefault()
    act()
  })
}

export function listItem(child: HTMLElement): HTMLLIElement {
  const item = document.createElement('li')
  item.append(child)
  return item
}

/** Has the browser save a file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The download has its own hold on the bytes once it has begun.
  setTimeout(() => {
    URL.revokeObjectURL(link.href)
  }, 60_000)
}
