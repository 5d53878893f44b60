import type { CallOptions } from '../core/blockstore.ts'
import { errorFromCode, ProtocolError } from '../core/errors.ts'
import type { PeerKey } from '../core/router.ts'
import type { AnnounceAnswer, AnnounceBody, AnnouncedAnswer, AnnouncedSwarm } from './swarm-schemas.ts'

/** What announces: the tracker's client, or who watches over it. */
export interface Announces {
  announce(body: AnnounceBody, options?: CallOptions): Promise<AnnounceAnswer>
}

/** An announce of one swarm. */
export interface OneAnnounce {
  readonly peer: PeerKey
  readonly addresses: string[]
  readonly swarm: AnnouncedSwarm
}

/** Announces one swarm; what the tracker refuses it, is thrown. Errors: those of the request, of the refusal, ProtocolError. */
export async function announceOne(
  tracker: Announces,
  { swarm, ...self }: OneAnnounce,
  options: CallOptions = {},
): Promise<AnnouncedAnswer> {
  const { swarms } = await tracker.announce({ ...self, swarms: [swarm] }, options)
  const answer = swarms.find(({ manifest }) => manifest === swarm.manifest)
  if (answer === undefined) throw new ProtocolError('the tracker has not answered what was announced')
  if (answer.refused !== undefined) throw errorFromCode(answer.refused.code, answer.refused.detail, {})
  return answer
}
