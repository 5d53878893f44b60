/** What a WorkerPool and its workers say to each other. */
export interface WorkerRequest {
  readonly id: number
  readonly request: unknown
}

export type WorkerAnswer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: { code: string; message: string; data: Record<string, unknown> } }
