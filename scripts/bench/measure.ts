/** Middle value; of an even number, the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const high = sorted[sorted.length >> 1] ?? Number.NaN
  const low = sorted[(sorted.length - 1) >> 1] ?? Number.NaN
  return (low + high) / 2
}

/** Seconds that `work` took. */
export async function timed(work: () => unknown): Promise<number> {
  const begin = performance.now()
  await work()
  return (performance.now() - begin) / 1000
}

/** Median seconds of `runs` runs of `work`, each with its number from 0. */
export async function medianSeconds(runs: number, work: (run: number) => unknown): Promise<number> {
  const seconds: number[] = []
  for (let run = 0; run < runs; run++) seconds.push(await timed(() => work(run)))
  return median(seconds)
}

export const MB = 1_000_000
