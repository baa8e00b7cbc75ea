import { numericColumns, type Section } from 'sovit/bench'
import { byId } from './dom.js'

/** Adds a part of the report to the page. */
export function showSection({ title, columns, rows, notes }: Section): void {
  const card = element('section', { className: 'card' })
  card.append(element('h2', { textContent: title }), scrollable(title, table(columns, rows)))
  // Markdown's stars are for the copied report.
  card.append(...notes.map((note) => element('p', { className: 'note', textContent: note.replaceAll('*', '') })))
  byId('sections', HTMLDivElement).append(card)
}

function table(columns: readonly string[], rows: Section['rows']): HTMLTableElement {
  const classes = numericColumns(rows, columns.length).map((numeric) => (numeric ? 'number' : ''))
  const head = element('tr', {})
  head.append(
    ...columns.map((text, i) => element('th', { scope: 'col', textContent: text, className: classes[i] ?? '' })),
  )
  const body = rows.map(([first, ...others]) => {
    const row = element('tr', {})
    row.append(element('th', { scope: 'row', textContent: first ?? '' }))
    row.append(...others.map((text, i) => element('td', { textContent: text, className: classes[i + 1] ?? '' })))
    return row
  })
  const whole = element('table', { className: columns.length > 2 ? '' : 'words' })
  whole.createTHead().append(head)
  whole.createTBody().append(...body)
  return whole
}

/** Whoever has no pointer scrolls with the keyboard. */
function scrollable(label: string, content: HTMLElement): HTMLDivElement {
  const box = element('div', { className: 'table', tabIndex: 0, role: 'region', ariaLabel: label })
  box.append(content)
  return box
}

function element<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  properties: Partial<HTMLElementTagNameMap[T]>,
): HTMLElementTagNameMap[T] {
  return Object.assign(document.createElement(tag), properties)
}
