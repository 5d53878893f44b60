import { NBD_REQUEST_BYTES_MAX } from '../../../src/core/disk-limits.ts'
import type { Session } from './options.ts'
import type { NbdRequest } from './requests.ts'
import { COMMAND, COMMAND_FLAG, NBD_ERROR } from './wire.ts'

/** What a client is told instead of an answer. */
export interface Refused {
  readonly error: number
  readonly message: string
}

const READ_ONLY: Refused = { error: NBD_ERROR.perm, message: 'the disk is read-only' }
const SHUT_DOWN: Refused = { error: NBD_ERROR.shutdown, message: 'the disk was taken away' }

/** Why a request cannot be answered; undefined when it can. */
export function refusalOf(
  request: NbdRequest,
  session: Session,
  state: { isShutDown: boolean },
): Refused | undefined {
  if (state.isShutDown) return SHUT_DOWN
  switch (request.command) {
    case COMMAND.read:
      return flagsRefusal(request, session.structured ? COMMAND_FLAG.df : 0) ?? readRefusal(request, session)
    case COMMAND.cache:
      return flagsRefusal(request, 0) ?? rangeRefusal(request, session) ?? longRefusal(request)
    case COMMAND.blockStatus:
      if (session.contexts.length === 0) return invalid('no metadata context was selected')
      return flagsRefusal(request, COMMAND_FLAG.reqOne) ?? rangeRefusal(request, session)
    case COMMAND.flush:
      return flagsRefusal(request, 0)
    case COMMAND.write:
    case COMMAND.trim:
    case COMMAND.writeZeroes:
      return READ_ONLY
    default:
      return invalid('this command is not known')
  }
}

/** Past the longest request, one that may not be cut into chunks has an error of its own. */
function readRefusal(request: NbdRequest, session: Session): Refused | undefined {
  const refused = rangeRefusal(request, session)
  if (refused !== undefined) return refused
  const tooLong = longRefusal(request)
  if (tooLong === undefined || (request.flags & COMMAND_FLAG.df) === 0) return tooLong
  return { ...tooLong, error: NBD_ERROR.overflow }
}

function flagsRefusal({ flags }: NbdRequest, allowed: number): Refused | undefined {
  return (flags & ~allowed) === 0 ? undefined : invalid('this flag does not go with this command')
}

function rangeRefusal({ offset, length }: NbdRequest, { disk }: Session): Refused | undefined {
  if (length === 0) return invalid('the range is empty')
  return offset + length > disk.size ? invalid('the range goes past the end of the disk') : undefined
}

function longRefusal({ length }: NbdRequest): Refused | undefined {
  return length > NBD_REQUEST_BYTES_MAX
    ? invalid(`requests have at most ${NBD_REQUEST_BYTES_MAX} bytes`)
    : undefined
}

function invalid(message: string): Refused {
  return { error: NBD_ERROR.inval, message }
}
