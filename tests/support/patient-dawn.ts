/**
 * Dawn in Node asks for what is done in each turn of the event loop, by `setImmediate`, as long as anything is pending: a core is
 * busy with waiting, which kernels that compile, or run on the processor, could use. Here it asks once a millisecond.
 */
const { setTimeout: later, clearTimeout: cancel } = globalThis

Object.assign(globalThis, {
  setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => later(run, 1, ...args),
  clearImmediate: cancel,
})
