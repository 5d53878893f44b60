import type { SimNode } from './sim-node.ts'

/** Who plays which part. */
export interface Cast {
  /** Those whose figures count. */
  readonly ordinary: readonly SimNode[]
  readonly late: readonly SimNode[]
}
