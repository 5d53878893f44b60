/** What one check of a hypervisor has found. Never holds secrets. */
export interface Finding {
  /** What was looked at, such as `clock`. */
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failure'
  readonly found: string
  /** What to do about it. */
  readonly advice?: string
}
