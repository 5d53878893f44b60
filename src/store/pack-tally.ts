import { entryBytes } from './pack-entry.ts'

/** How the sums of packs change within a transaction. */
export class PackTally {
  readonly packs = new Map<number, { blocks: number; stored: number; live: number }>()

  count({ pack, stored }: { pack: number; stored: number }, sign: 1 | -1): void {
    let sums = this.packs.get(pack)
    if (sums === undefined) {
      sums = { blocks: 0, stored: 0, live: 0 }
      this.packs.set(pack, sums)
    }
    sums.blocks += sign
    sums.stored += sign * stored
    sums.live += sign * entryBytes({ stored })
  }
}
