import { byId, context2d } from './dom.js'

const dialog = byId('camera', HTMLDialogElement)
const video = byId('camera-video', HTMLVideoElement)
const take = byId('camera-take', HTMLButtonElement)
const note = byId('camera-note', HTMLParagraphElement)

let onPicture: (picture: Blob) => void = () => undefined

byId('camera-close', HTMLButtonElement).addEventListener('click', () => {
  dialog.close()
})
// Escape closes it too.
dialog.addEventListener('close', stop)
take.addEventListener('click', () => {
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  context2d(canvas).drawImage(video, 0, 0)
  dialog.close()
  canvas.toBlob((picture) => {
    if (picture) onPicture(picture)
  }, 'image/png')
})

/** Lets a picture be taken; the camera runs only while its dialog is open. */
export async function openCamera(taken: (picture: Blob) => void): Promise<void> {
  onPicture = taken
  note.textContent = 'Waiting for the camera'
  take.disabled = true
  dialog.showModal()
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
    if (!dialog.open) {
      end(stream)
      return
    }
    video.srcObject = stream
    await video.play()
    note.textContent = 'The picture stays in this page.'
    take.disabled = false
  } catch (error) {
    const denied = error instanceof DOMException && error.name === 'NotAllowedError'
    note.textContent = denied
      ? 'This page may not use the camera: allow it in the browser.'
      : 'No camera could be opened.'
  }
}

function stop(): void {
  if (video.srcObject instanceof MediaStream) end(video.srcObject)
  video.srcObject = null
}

function end(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop()
}
