/** What a simulation took of this machine. */
export interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly events: number
  readonly eventsPerSecond: number
  readonly residentBytes: number
}

/** Since the start of the process, or since `before`. Events are those of the simulation alone. */
export function costOf(before?: Cost, events = 0): Cost {
  const seconds = performance.now() / 1000 - (before?.seconds ?? 0)
  const { user, system } = process.cpuUsage()
  const cpuSeconds = (user + system) / 1e6 - (before?.cpuSeconds ?? 0)
  const residentBytes = process.memoryUsage.rss()
  return { seconds, cpuSeconds, events, eventsPerSecond: events / cpuSeconds, residentBytes }
}
