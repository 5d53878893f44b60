import type { Log } from '../../src/core/log.ts'
import type { Testnet } from '../handles.ts'
import { type ImagePair, makeImagePair } from '../images/images.ts'
import { type MassBootResult, resultOf, roundText } from './mass-boot-report.ts'
import { runRound } from './round.ts'

export interface MassBootInit {
  readonly testnet: Testnet
  readonly images: ImagePair
  readonly seed: number
  readonly log: Log
  /** Hears the table of each round. */
  readonly print: (text: string) => void
}

/**
 * Nine o'clock: an image is pushed once and every node pulls it at the same moment; then a changed version of it.
 * Every node's result is exported and compared with the source byte for byte.
 */
export async function massBoot(
  init: MassBootInit,
  options: { signal?: AbortSignal } = {},
): Promise<MassBootResult> {
  const { testnet, images, log, print, seed } = init
  const name = `testnet/disk-${seed}`
  const first = await runRound({ testnet, image: images.first.path, reference: `${name}:v1`, log }, options)
  print(roundText(first, images.first))
  log.info({ change: images.change }, 'second version')
  const second = await runRound({ testnet, image: images.second.path, reference: `${name}:v2`, log }, options)
  print(roundText(second, images.second))
  return resultOf({ rounds: [first, second], images, seed })
}

/** Whether every node's result was the source, both times. */
export function allVerified(result: MassBootResult): boolean {
  return result.verified === result.nodes && result.update.verified === result.nodes
}

/** The images of the scenario, below the testnet's directory, so that they go with it. */
export function massBootImages(init: {
  testnet: Testnet
  sizeBytes: number
  seed: number
  image?: string
  log: Log
}): Promise<ImagePair> {
  const { testnet, sizeBytes, seed, image, log } = init
  return makeImagePair({
    dir: testnet.layout.images,
    sizeBytes,
    seed,
    log,
    ...(image === undefined ? {} : { image }),
  })
}
