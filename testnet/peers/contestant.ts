import type { ArenaHost, ArenaKind } from '../arena/arena.ts'

/**
 * What a system must do to take part in a comparison. A contestant only knows its own programs; the clock, the counters of the links, the
 * CPU time and the comparison of the results are the race's (`race.ts`), the same for all, Bootswarm included.
 */

/** Whether the programs of a contestant are here, and which. */
export type Probe = { readonly version: string } | { readonly lack: string }

export interface Contestant {
  /** Lower case, as on the command line: `nginx`, `rsync-zstd`. */
  readonly name: string
  /** One sentence for the report: which programs, configured how. */
  readonly setting: string
  readonly arenas: readonly ArenaKind[]
  probe(): Promise<Probe>
  /** Starts servers and makes what a publisher makes once (chunk store, torrent, push). Nothing of it is on the clock. */
  prepare(race: Race): Promise<Entry>
}

/** One system, one file, all receivers at the same moment. */
export interface Race {
  /** Serves the file; receives nothing. */
  readonly origin: ArenaHost
  readonly receivers: readonly ArenaHost[]
  /** What every receiver must end up with. */
  readonly file: string
  /** What every receiver has already; undefined in a first round. */
  readonly previous: string | undefined
  /** Empty, of this race alone, removed after it. */
  readonly dir: string
}

/** A contestant that is ready to start. */
export interface Entry {
  /** Called for all receivers at once when the clock starts; resolves when this receiver has the whole image. */
  fetch(host: ArenaHost): Promise<void>
  /** Called after the clock has stopped: a file with what the receiver has, to be compared with the source. */
  output(host: ArenaHost): Promise<string>
  /**
   * Called after the clock has stopped: bytes that all receivers together received and did not need, by the system's own count;
   * undefined where it has none.
   */
  duplicateBytes(): Promise<number | undefined>
  /** Ends every process, also in the middle of `fetch`. */
  close(): Promise<void>
}

/** One receiver in the end. Bytes are those of its link, headers included. */
export interface NodeResult {
  readonly name: string
  readonly rack: string
  /** From the common start to the whole image. */
  readonly seconds: number
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** How far all receivers were together. */
export interface CurvePoint {
  /** Since the common start. */
  readonly seconds: number
  /** Bytes that receivers' links had received until then, mean of all receivers. */
  readonly meanReceivedBytes: number
  /** Receivers that were complete. */
  readonly complete: number
}

/** One run of one contestant that ended with every receiver's file compared byte for byte after the clock had stopped. */
export interface RaceResult {
  readonly nodes: readonly NodeResult[]
  readonly curve: readonly CurvePoint[]
  /** Bytes that left the origin's link. */
  readonly originSentBytes: number
  /** Bytes that receivers' links received, less those from the origin. */
  readonly fromPeersBytes: number
  /** Bytes that crossed an uplink of a rack, counted once; undefined with one rack. */
  readonly crossRackBytes: number | undefined
  /** Bytes that came into a rack that is not the origin's, mean of all such racks; undefined with one rack. */
  readonly furtherRackBytes: number | undefined
  /** By the system's own count; undefined where it has none. */
  readonly duplicateBytes: number | undefined
  /** User and system time of all processes of the contestant, on the clock. */
  readonly cpuSeconds: number
  /** Receivers whose file is the source byte for byte. */
  readonly verified: number
}
