import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ImageEvent, isLockedByOwner, stateAfter } from '../../src/core/image-state.ts'
import { IMAGE_STATES, type ImageState } from '../../src/core/permission.ts'

const test = suite('image states')

/** From each state: without bytes, with bytes. */
const TABLE: Record<ImageEvent, Record<ImageState, [ImageState | undefined, ImageState | undefined]>> = {
  'upload-begun': {
    ...{ locked: ['uploading', 'locked'], uploading: ['uploading', 'uploading'] },
    ...{ available: ['uploading', 'uploading'], error: ['uploading', 'uploading'] },
  },
  'version-added': {
    ...{ locked: ['available', 'locked'], uploading: ['available', 'available'] },
    ...{ available: ['available', 'available'], error: ['available', 'available'] },
  },
  'upload-dropped': {
    ...{ locked: ['locked', 'locked'], uploading: ['locked', 'available'] },
    ...{ available: ['available', 'available'], error: ['error', 'error'] },
  },
  'upload-failed': {
    ...{ locked: ['locked', 'locked'], uploading: ['error', 'available'] },
    ...{ available: ['available', 'available'], error: ['error', 'error'] },
  },
  emptied: {
    ...{ locked: ['locked', 'locked'], uploading: ['uploading', 'uploading'] },
    ...{ available: ['locked', 'locked'], error: ['locked', 'locked'] },
  },
  lock: {
    ...{ locked: ['locked', 'locked'], uploading: [undefined, 'locked'] },
    ...{ available: ['locked', 'locked'], error: ['locked', 'locked'] },
  },
  unlock: {
    ...{ locked: [undefined, 'available'], uploading: [undefined, 'available'] },
    ...{ available: [undefined, 'available'], error: [undefined, 'available'] },
  },
}

test('every event has its outcome in every state', () => {
  for (const [event, outcomes] of Object.entries(TABLE))
    for (const state of IMAGE_STATES)
      assert.equal(
        [false, true].map((hasBytes) => stateAfter(state, event as ImageEvent, { hasBytes })),
        outcomes[state],
        `${event} in ${state}`,
      )
})

test('a slot without bytes hides nothing, an image that its owner locked does', () => {
  assert.not(isLockedByOwner({ state: 'locked', uploadedAtMs: null }))
  assert.ok(isLockedByOwner({ state: 'locked', uploadedAtMs: 1 }))
  assert.not(isLockedByOwner({ state: 'available', uploadedAtMs: 1 }))
})

test.run()
