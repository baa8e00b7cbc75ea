import type { Rows } from '../model/network.js'

/** Room for values: bytes of each patch of a batch, of each group of pictures, or of all. */
export interface Room {
  readonly per: Rows['per']
  readonly bytes: number
}

/** A value's size and the steps between which it must be kept, first and last included. */
export interface Lifetime<V> extends Room {
  readonly value: V
  readonly from: number
  readonly to: number
}

/** Where values live: each in a slot, which is one buffer. */
export interface Arena<V> {
  readonly slots: readonly Room[]
  readonly slotOf: ReadonlyMap<V, number>
}

/**
 * Assigns values to as few bytes as a greedy choice finds: largest first, each into the first slot in which nothing
 * else lives at the same time. A slot is a whole buffer, because WebGPU refuses a dispatch that reads and writes parts
 * of one buffer (WebGPU §3.4.4, usage scopes); as lifetimes include both ends, no step does.
 */
export function assignSlots<V>(lifetimes: readonly Lifetime<V>[]): Arena<V> {
  const slots: (Room & { readonly tenants: Lifetime<V>[] })[] = []
  const slotOf = new Map<V, number>()
  const bySize = [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.from - b.from)
  for (const lifetime of bySize) {
    const { per, bytes } = lifetime
    const free = (tenants: readonly Lifetime<V>[]) => tenants.every((tenant) => !overlap(tenant, lifetime))
    let index = slots.findIndex((slot) => slot.per === per && free(slot.tenants))
    if (index < 0) index = slots.push({ per, bytes, tenants: [] }) - 1
    slots[index]?.tenants.push(lifetime)
    slotOf.set(lifetime.value, index)
  }
  return { slots: slots.map(({ per, bytes }) => ({ per, bytes })), slotOf }
}

function overlap(a: { from: number; to: number }, b: { from: number; to: number }): boolean {
  return a.from <= b.to && b.from <= a.to
}
