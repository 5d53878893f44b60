/** Who owns a namespace. */
export interface NamespaceOwner {
  readonly kind: 'user' | 'group'
  readonly id: number
  /** Name of the user or group. */
  readonly name: string
}
