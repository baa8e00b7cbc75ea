/** A value's size and the steps between which it must be kept, first and last included. */
export interface Lifetime<V> {
  readonly value: V
  readonly bytesPerRow: number
  readonly from: number
  readonly to: number
}

/** Where values live: each in a slot, which is one buffer of `bytesPerRow` × rows. */
export interface Arena<V> {
  readonly slots: readonly number[]
  readonly slotOf: ReadonlyMap<V, number>
}

/**
 * Assigns values to as few bytes as a greedy choice finds: largest first, each into the first slot in which nothing
 * else lives at the same time. A slot is a whole buffer, because WebGPU refuses a dispatch that reads and writes parts
 * of one buffer (WebGPU §3.4.4, usage scopes); as lifetimes include both ends, no step does.
 */
export function assignSlots<V>(lifetimes: readonly Lifetime<V>[]): Arena<V> {
  const slots: { bytesPerRow: number; tenants: Lifetime<V>[] }[] = []
  const slotOf = new Map<V, number>()
  const bySize = [...lifetimes].sort((a, b) => b.bytesPerRow - a.bytesPerRow || a.from - b.from)
  for (const lifetime of bySize) {
    let index = slots.findIndex(({ tenants }) => tenants.every((tenant) => !overlap(tenant, lifetime)))
    if (index < 0) index = slots.push({ bytesPerRow: lifetime.bytesPerRow, tenants: [] }) - 1
    slots[index]?.tenants.push(lifetime)
    slotOf.set(lifetime.value, index)
  }
  return { slots: slots.map(({ bytesPerRow }) => bytesPerRow), slotOf }
}

function overlap(a: { from: number; to: number }, b: { from: number; to: number }): boolean {
  return a.from <= b.to && b.from <= a.to
}
