import { systemClock } from '../../src/core/clock.ts'
import { silentLog } from '../../src/core/log.ts'
import { AnnounceBudget } from '../../src/routing/announce-budget.ts'
import { DhtRouter } from '../../src/routing/dht-router.ts'
import { anyManifest, routerConformance } from '../conformance/router.ts'
import { startDht } from '../fixtures/hosts.ts'

routerConformance(
  'DHT of five hosts',
  async () => {
    const hosts = await startDht(5)
    const routers = hosts.map(({ contentRouting: content }) => {
      if (content === undefined) throw new RangeError('a host without a DHT')
      return new DhtRouter({
        content,
        budget: new AnnounceBudget({ content, clock: systemClock, log: silentLog }),
      })
    })
    const destroy = async () => void (await Promise.all(hosts.map((host) => host.stop())))
    return { routers, peers: hosts.map((host) => host.self), manifest: anyManifest, destroy }
  },
  { withdrawsLazily: true },
)
