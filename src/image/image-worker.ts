import { serveWorker } from '../util/worker-serve.ts'
import { type ImageJob, type ImageJobAnswer, runImageJob } from './image-jobs.ts'

serveWorker<ImageJob, ImageJobAnswer>((job) => {
  const answer = runImageJob(job)
  return { answer, transfer: [answer.bytes.buffer] }
})
