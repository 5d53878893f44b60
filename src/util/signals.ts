/** Two signals: the first asks to stop, the second one means at once. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process with 1. */
export function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = false
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (asked) process.exit(1)
      asked = true
      resolve()
    })
  }
  return promise
}

const reloads = new Set<() => void>()

function reloadAll(): void {
  for (const reload of reloads) reload()
}

/**
 * Calls `reload` at every SIGHUP, which otherwise would end the process; the returned function stops that. One listener of
 * the process serves all, since tests run many programs in one process.
 */
export function onHangup(reload: () => void): () => void {
  if (reloads.size === 0) process.on('SIGHUP', reloadAll)
  reloads.add(reload)
  return () => {
    reloads.delete(reload)
    if (reloads.size === 0) process.off('SIGHUP', reloadAll)
  }
}
