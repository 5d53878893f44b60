import { suite } from 'uvu'
import { namespacesLack } from '../../../testnet/arena/ip.ts'
import { contestantsOf } from '../../../testnet/peers/contestants.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'
import { lackOf, SmallRace } from '../../fixtures/small-race.ts'

const test = suite<{ race?: SmallRace }>('contestants whose hosts serve each other')
const rootLack = namespacesLack()

test.before(async (context) => {
  if (rootLack === undefined) context.race = await SmallRace.open('namespaces')
})
test.after(async ({ race }) => race?.close())

for (const contestant of contestantsOf(['bootswarm', 'libtorrent', 'aria2'])) {
  const lack = rootLack ?? (await lackOf(contestant))
  testsThatNeed(test, lack)(`${contestant.name} brings a file to all hosts`, async ({ race }) => {
    await race?.whole(contestant)
  })
  if (contestant.name === 'bootswarm') {
    testsThatNeed(test, lack)('bootswarm fetches of an update what is new', async ({ race }) => {
      await race?.update(contestant)
    })
  }
}

test.run()
