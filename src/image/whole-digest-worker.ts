import { serveWorker } from '../util/worker-serve.ts'
import { ImageHasher, type ImageHasherStep } from './image-hasher.ts'

const hasher = new ImageHasher()

serveWorker<ImageHasherStep, Uint8Array | undefined>((step) => ({ answer: hasher.step(step) }))
