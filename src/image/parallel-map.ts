/**
 * Stage of a pipeline that has up to `concurrency` calls of `fn` under way and yields their results in the order of its input.
 * `fn` is called in that order too. When the stage ends early, by an error or because its consumer stops, it waits for the calls under way.
 */
export function parallelMap<In, Out>(
  concurrency: number,
  fn: (input: In) => Promise<Out>,
): (source: AsyncIterable<In>) => AsyncGenerator<Out> {
  return async function* (source) {
    const running: Promise<Out>[] = []
    try {
      for await (const input of source) {
        const result = fn(input)
        result.catch(() => {}) // reported when its turn comes; until then it must not count as unhandled
        running.push(result)
        if (running.length >= concurrency) yield await (running.shift() as Promise<Out>)
      }
      for (let result = running.shift(); result !== undefined; result = running.shift()) yield await result
    } finally {
      await Promise.allSettled(running)
    }
  }
}
