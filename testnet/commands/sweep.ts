import { sweepArenas } from '../arena/leftovers.ts'

/** Removes what arenas have left whose maker was killed. */
export function sweep(): void {
  const { namespaces, processes, directories } = sweepArenas()
  process.stdout.write(
    `testnet: removed ${namespaces} network namespaces and ${directories} directories, ended ${processes} processes\n`,
  )
}
