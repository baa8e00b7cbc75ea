import { VisionEncoder } from 'sovit/worker'
import { byId } from './dom.js'
import * as encoding from './encoding.js'
import { startKept } from './kept.js'
import { readLink, writeLink } from './link.js'
import { modelInUse, startLoading, useBuiltInModel, useModel } from './loading.js'
import { offerModel, showWhatIsFetched, startModelSettings } from './model-settings.js'
import { keepPage } from './offline.js'
import { chooseSample, SAMPLES, startPictures } from './pictures.js'
import { chooseSize, sizeText, startSettings } from './settings.js'
import { theStage } from './stage.js'
import { alike } from './views/alike.js'
import { Find } from './views/find.js'
import type { Pair } from './views/pair.js'
import type { View } from './views/view.js'

/** Milliseconds after which a first visit is shown something recorded. */
const PATIENCE = 1000

const find = new Find(theStage)
/** Null until it is asked for, as its code comes then. */
let pair: Pair | null = null
let slices: View | null = null
const form = byId('view', HTMLFormElement)

function chosenView(): string {
  return new FormData(form).get('view') as string
}

/** Fills the third frame by the radio buttons, and shows the view's own controls. */
async function showView(): Promise<void> {
  const chosen = chosenView()
  for (const name of ['alike', 'find', 'pair', 'slices']) {
    byId(`panel-${name}`, HTMLDivElement).hidden = name !== chosen
  }
  const view = await viewNamed(chosen)
  if (chosen === chosenView()) theStage.choose(view)
}

async function viewNamed(name: string): Promise<View> {
  if (name === 'find') return find
  if (name === 'pair') {
    const { Pair } = await import('./views/pair.js')
    return (pair ??= new Pair(theStage, SAMPLES, encoding.encodeOther, readLink().beside))
  }
  if (name === 'slices') {
    const { Slices } = await import('./views/slices.js')
    return (slices ??= new Slices(theStage, encoding.encodeSlices))
  }
  return alike
}

function saveLink(): void {
  const view = chosenView()
  const { held, layer, foreground } = theStage.state
  const { model } = modelInUse() ?? {}
  writeLink({
    picture: encoding.pictureOnStage()?.name ?? '',
    size: sizeText(encoding.sizeInUse()),
    view: view === 'alike' ? '' : view,
    patch: held,
    layer,
    foreground,
    find: view === 'find' ? find.wanted : '',
    beside: view === 'pair' ? (pair?.chosen ?? readLink().beside) : '',
    model: model?.kind === 'name' ? model.label : '',
  })
}

/** Brings the page to where the link left it. A model that it names is proposed, not fetched. */
function followLink(): void {
  const link = readLink()
  const wanted = form.querySelector<HTMLInputElement>(`input[name=view][value="${CSS.escape(link.view)}"]`)
  if (wanted) wanted.checked = true
  theStage.state = { held: link.patch, layer: link.layer, foreground: link.foreground }
  if (link.size) chooseSize(link.size)
  if (link.find) find.lookFor(link.find)
  if (link.model) void offerModel(link.model, (model) => void useModel(model))
  void showView()
  chooseSample(link.picture)
}

/** The developers' panel, whose code comes when it is opened. Returns what has it tell of another model. */
function startPanel(): () => Promise<void> {
  const panel = byId('developer', HTMLDetailsElement)
  const source = { encoder: () => modelInUse()?.encoder ?? null, profile: encoding.profilePicture }
  let refresh = (): Promise<void> => Promise.resolve()
  const open = async (): Promise<void> => {
    const { refreshDeveloper, startDeveloper } = await import('./developer.js')
    startDeveloper(source)
    refresh = () => refreshDeveloper(source)
    await refresh()
  }
  panel.addEventListener('toggle', () => void open(), { once: true })
  return () => refresh()
}

/** Saving what is on show; the code comes with the first click. */
function startExports(): void {
  const onClick = (id: string, act: (code: typeof import('./exports.js'), button: HTMLButtonElement) => void): void => {
    const button = byId(id, HTMLButtonElement)
    button.addEventListener('click', () => {
      void import('./exports.js').then((code) => {
        act(code, button)
      })
    })
  }
  onClick('export-png', ({ savePng }) => {
    savePng()
  })
  onClick('export-tokens', ({ saveTokens }) => {
    saveTokens(theStage.shown?.tokens ?? null)
  })
  onClick('copy-link', ({ copyLink }, button) => void copyLink(button))
}

/** Everything can be pressed at once; what is chosen meanwhile waits for the model. */
async function start(): Promise<void> {
  theStage.start({ onChange: saveLink, onLayers: encoding.useLayers })
  form.addEventListener('change', () => {
    void showView()
    saveLink()
  })
  startExports()
  const showModel = startPanel()
  startLoading(async () => {
    await encoding.encodePicture()
    await showModel()
  })
  startPictures({ onPicture: (source) => void encoding.usePicture(source), onModel: (model) => void useModel(model) })
  startSettings({ onSize: encoding.useSize })
  startModelSettings({ onBuiltInModel: useBuiltInModel, onModel: (model) => void useModel(model) })
  followLink()
  const support = await VisionEncoder.support()
  if (support.ok) {
    startKept(showWhatIsFetched)
    useBuiltInModel()
    setTimeout(() => void import('./recorded.js').then(({ showMeanwhile }) => showMeanwhile()), PATIENCE)
  } else {
    const [{ showUnsupported }, { showRecorded }] = await Promise.all([
      import('./unsupported.js'),
      import('./recorded.js'),
    ])
    showUnsupported(support.code, support.message)
    await showRecorded()
  }
  void keepPage()
}

void start()
