import type { ModifyUserBody } from '../../src/api/user-schemas.ts'
import { InvalidError } from '../../src/core/errors.ts'
import type { UserState } from '../../src/core/permission.ts'
import { BYTES_FORMS, parseBytes } from '../../src/core/quantity.ts'

/** A list of names as a request has it. */
export function namesOf(list: readonly string[] | string | undefined): string[] {
  if (list === undefined) return []
  const names = typeof list === 'string' ? list.split(',') : list
  return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))]
}

/** The state that a request asks for, in one or the other of its ways. Throws InvalidError when they contradict each other. */
export function stateOf({ state, suspended }: ModifyUserBody): UserState | undefined {
  if (suspended === undefined) return state
  if (state !== undefined && suspended !== (state === 'suspended'))
    throw new InvalidError(`suspended is ${suspended} and state is ${state}: give one of them`)
  return state ?? (suspended ? 'suspended' : 'active')
}

/** Quotas in numbers. Throws InvalidError. */
export function quotasOf({ quota_bytes: bytes, quota_images: images }: ModifyUserBody): {
  quotaBytes: number | null | undefined
  quotaImages: number | null | undefined
} {
  return { quotaBytes: bytesOf(bytes), quotaImages: typeof images === 'string' ? countOf(images) : images }
}

function bytesOf(value: number | string | null | undefined): number | null | undefined {
  if (typeof value !== 'string') return value
  if (value.trim() === '') return null
  const bytes = parseBytes(value)
  if (bytes === undefined) throw new InvalidError(`quota_bytes must be ${BYTES_FORMS}`)
  return bytes
}

function countOf(text: string): number | null {
  return text === '' ? null : Number(text)
}
