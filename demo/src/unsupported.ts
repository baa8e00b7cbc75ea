import { byId } from './dom.js'

interface Advice {
  readonly browser: string
  readonly text: string
  /** Is this the browser that the page runs in? */
  readonly here: (agent: string) => boolean
}

/** State of November 2026; https://github.com/gpuweb/gpuweb/wiki/Implementation-Status keeps the list. */
const ADVICE: readonly Advice[] = [
  {
    browser: 'Chrome, Edge and others built on Chromium',
    text:
      'Version 113 or newer on Windows, macOS and ChromeOS, 121 on Android. Turn on graphics acceleration in the ' +
      'settings under System. On Linux, also enable “Unsafe WebGPU Support” and “Vulkan” in chrome://flags.',
    here: (agent) => agent.includes('Chrome/'),
  },
  {
    browser: 'Safari',
    text: 'Version 26 or newer, on macOS, iOS, iPadOS and visionOS. Older ones have it under Feature Flags.',
    here: (agent) => agent.includes('Safari/') && !agent.includes('Chrome/'),
  },
  {
    browser: 'Firefox',
    text:
      'Version 141 or newer on Windows, 145 on Macs with Apple silicon. Elsewhere set dom.webgpu.enabled in ' +
      'about:config, or use Firefox Nightly.',
    here: (agent) => agent.includes('Firefox/'),
  },
]

/** What needs an encoder, and is hidden where there is none. */
const NEEDS_ENCODER = '.pictures, .progress-bar, .panels, #developer, #panel-pair, #panel-slices, .knobs'

/** Above a recorded result: why nothing can be computed here, and what to do in each browser. */
export function showUnsupported(code: string, message: string): void {
  for (const part of document.querySelectorAll<HTMLElement>(NEEDS_ENCODER)) part.hidden = true
  for (const view of ['pair', 'slices']) {
    const label = document.querySelector<HTMLElement>(`input[name=view][value=${view}]`)?.parentElement
    if (label) label.hidden = true
  }
  byId('unsupported', HTMLElement).hidden = false
  byId('unsupported-reason', HTMLParagraphElement).textContent = `${message} (${code})`
  const agent = navigator.userAgent
  const own = ADVICE.filter(({ here }) => here(agent))
  const others = ADVICE.filter(({ here }) => !here(agent))
  const items = [...own.map((advice) => item(advice, true)), ...others.map((advice) => item(advice, false))]
  if (!window.isSecureContext) items.unshift(plain('Secure page', 'WebGPU exists on https pages and localhost only.'))
  byId('unsupported-advice', HTMLUListElement).replaceChildren(...items)
  byId('unsupported-retry', HTMLButtonElement).addEventListener('click', () => {
    location.reload()
  })
}

function item({ browser, text }: Advice, here: boolean): HTMLLIElement {
  const entry = plain(here ? `${browser} (this browser)` : browser, text)
  entry.classList.toggle('here', here)
  return entry
}

function plain(title: string, text: string): HTMLLIElement {
  const entry = document.createElement('li')
  const strong = document.createElement('strong')
  strong.textContent = title
  entry.append(strong, ` ${text}`)
  return entry
}
