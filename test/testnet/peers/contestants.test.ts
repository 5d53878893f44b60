import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { namespacesLack } from '../../../testnet/arena/ip.ts'
import { contestantsOf } from '../../../testnet/peers/contestants.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'
import { lackOf, SmallRace } from '../../fixtures/small-race.ts'

const CLIENTS = ['nginx', 'nginx-zstd', 'aria2-http', 'rsync', 'rsync-zstd', 'casync']

const test = suite<{ race?: SmallRace }>('contestants with one server')
const rootLack = namespacesLack()

test.before(async (context) => {
  if (rootLack === undefined) context.race = await SmallRace.open('namespaces')
})
test.after(async ({ race }) => race?.close())

for (const contestant of contestantsOf(CLIENTS)) {
  const lack = rootLack ?? (await lackOf(contestant))
  testsThatNeed(test, lack)(`${contestant.name} brings a file to all hosts`, async ({ race }) => {
    await race?.whole(contestant)
  })
  if (['rsync', 'casync'].includes(contestant.name)) {
    testsThatNeed(test, lack)(`${contestant.name} fetches of an update what is new`, async ({ race }) => {
      await race?.update(contestant)
    })
  }
}

for (const contestant of contestantsOf(['nginx'])) {
  testsThatNeed(test, await lackOf(contestant))('nginx runs on the loopback interface too', async () => {
    const race = await SmallRace.open('loopback')
    await race.whole(contestant).finally(() => race.close())
  })
}

test('a name that is none is refused with those that there are', () => {
  assert.throws(() => contestantsOf(['ftp']), /there is no system "ftp"; there is: bootswarm, nginx/)
})

test('names choose, in their order and once', () => {
  const names = contestantsOf(['rsync', 'nginx', 'rsync']).map(({ name }) => name)
  assert.equal(names, ['rsync', 'nginx'])
})

test.run()
