import type { Topology } from '../topology.ts'
import type { LinkCounters } from './shaped-network.ts'

/** What the arena asks of its shaper. Each gets one answer with its `id`. */
export type ShaperRequest = { readonly id: number } & ShaperOrder

export type ShaperOrder =
  | { readonly order: 'open'; readonly topology: Topology }
  | { readonly order: 'expose'; readonly host: number; readonly port: number }
  /** A program of a host has started, as leader of the process group `group`. */
  | { readonly order: 'started'; readonly host: number; readonly group: number }
  | { readonly order: 'cut'; readonly rack: string; readonly isCut: boolean }
  | { readonly order: 'counters' }

export interface ShaperAnswer {
  readonly id: number
  readonly error?: string
  /** To `open`. */
  readonly slot?: number
  /** To `counters`. */
  readonly counters?: LinkCounters
}
