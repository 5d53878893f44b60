import { NBD_STRING_BYTES_MAX } from '../../../src/core/disk-limits.ts'
import { ProtocolError } from '../../../src/core/errors.ts'
import { CONTEXTS, contextsFor, type MetaContext } from './contexts.ts'
import type { NbdExport, NbdExports } from './export.ts'
import { readInfoRequest, readMetaRequest, readName } from './option-data.ts'
import { infoData, metaContextData, oldExportReply, optionReply, serverData } from './option-replies.ts'
import { INFO, OPTION, OPTION_REPLY } from './wire.ts'

/** What a handshake has led to. */
export interface Session {
  readonly disk: NbdExport
  readonly structured: boolean
  /** What BLOCK_STATUS answers about. */
  readonly contexts: readonly MetaContext[]
}

/** `broken`: an option that cannot be refused is wrong. */
export type OptionAnswer =
  | { readonly replies: readonly Buffer[]; readonly session?: Session }
  | { readonly error: number; readonly message: string }
  | { readonly broken: true }

interface OptionsInit {
  readonly exports: NbdExports
  readonly noZeroes: boolean
}

const UNKNOWN = { error: OPTION_REPLY.unknown, message: 'there is no export of this name' } as const
const NO_DATA = { error: OPTION_REPLY.invalid, message: 'this option has no data' } as const
const UNSUPPORTED = { error: OPTION_REPLY.unsupported, message: 'this option is not supported' } as const
const NOT_STRUCTURED = { error: OPTION_REPLY.invalid, message: 'this needs structured replies' } as const

/** The options of one handshake, and what they have agreed on. */
export class Options {
  readonly #init: OptionsInit
  #structured = false
  #selected: { disk: NbdExport; contexts: readonly MetaContext[] } | undefined

  constructor(init: OptionsInit) {
    this.#init = init
  }

  answer(option: number, data: Buffer): OptionAnswer {
    try {
      return this.#answer(option, data)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      if (option === OPTION.exportName) return { broken: true }
      return { error: OPTION_REPLY.invalid, message: error.message }
    }
  }

  #answer(option: number, data: Buffer): OptionAnswer {
    switch (option) {
      case OPTION.exportName:
        return this.#exportName(readName(data))
      case OPTION.list:
        return data.length > 0 ? NO_DATA : this.#list()
      case OPTION.info:
      case OPTION.go:
        return this.#info(option, data)
      case OPTION.structuredReply:
        if (data.length > 0) return NO_DATA
        this.#structured = true
        return { replies: [optionReply(option, OPTION_REPLY.ack)] }
      case OPTION.listMetaContext:
        return this.#structured ? this.#listContexts(data) : NOT_STRUCTURED
      case OPTION.setMetaContext:
        // also one that fails takes back what was selected before
        this.#selected = undefined
        return this.#structured ? this.#setContexts(data) : NOT_STRUCTURED
      default:
        return UNSUPPORTED
    }
  }

  #exportName(name: string): OptionAnswer {
    const disk = this.#find(name)
    if (disk === undefined) return { broken: true }
    const init = { structured: this.#structured, noZeroes: this.#init.noZeroes }
    return { replies: [oldExportReply(disk, init)], session: this.#session(disk) }
  }

  #list(): OptionAnswer {
    const named = this.#init.exports().filter(isNameable)
    const replies = named.map((disk) => optionReply(OPTION.list, OPTION_REPLY.server, serverData(disk)))
    return { replies: [...replies, optionReply(OPTION.list, OPTION_REPLY.ack)] }
  }

  /** What is asked for, and always what is needed to go on. */
  #info(option: number, data: Buffer): OptionAnswer {
    const { name, kinds } = readInfoRequest(data)
    const disk = this.#find(name)
    if (disk === undefined) return UNKNOWN
    const init = { structured: this.#structured }
    const infos = [...new Set([INFO.export, ...kinds])].flatMap((kind) => infoData(disk, kind, init) ?? [])
    const replies = infos.map((info) => optionReply(option, OPTION_REPLY.info, info))
    replies.push(optionReply(option, OPTION_REPLY.ack))
    return option === OPTION.go ? { replies, session: this.#session(disk) } : { replies }
  }

  #listContexts(data: Buffer): OptionAnswer {
    const { name, queries } = readMetaRequest(data)
    if (this.#find(name) === undefined) return UNKNOWN
    const contexts = queries.length === 0 ? CONTEXTS : contextsFor(queries, { wildcards: true })
    return contextReplies(
      OPTION.listMetaContext,
      contexts.map((context) => ({ ...context, id: 0 })),
    )
  }

  #setContexts(data: Buffer): OptionAnswer {
    const { name, queries } = readMetaRequest(data)
    const disk = this.#find(name)
    if (disk === undefined) return UNKNOWN
    const contexts = contextsFor(queries, { wildcards: false })
    this.#selected = { disk, contexts }
    return contextReplies(OPTION.setMetaContext, contexts)
  }

  #session(disk: NbdExport): Session {
    const contexts = this.#selected?.disk === disk ? this.#selected.contexts : []
    return { disk, structured: this.#structured, contexts }
  }

  #find(name: string): NbdExport | undefined {
    const disks = this.#init.exports()
    return name === '' ? disks[0] : disks.find((disk) => disk.name === name)
  }
}

function contextReplies(option: number, contexts: readonly MetaContext[]): OptionAnswer {
  const replies = contexts.map((context) =>
    optionReply(option, OPTION_REPLY.metaContext, metaContextData(context)),
  )
  return { replies: [...replies, optionReply(option, OPTION_REPLY.ack)] }
}

function isNameable({ name }: NbdExport): boolean {
  return Buffer.byteLength(name) <= NBD_STRING_BYTES_MAX
}
