import { type Static, Type } from '@sinclair/typebox'
import { ConfigError } from '../core/errors.ts'
import { BYTES_FORMS, parseBytes } from '../core/quantity.ts'
import type { Rates } from './policy/rate-limit.ts'
import type { SolidMode } from './solid.ts'

/** Limits that an operator sets. What is left out is not limited, but for the fallback, which has a limit of its own. */
export interface ExchangeRates {
  readonly upload?: Rates | undefined
  readonly download?: Rates | undefined
  /** At an origin: bytes a second given to starving peers although others had got them. */
  readonly fallbackBytesPerSecond?: number | undefined
}

export interface ExchangeConfig {
  /** When the blocks of an answer are compressed together. */
  readonly solid: SolidMode
  readonly rates: ExchangeRates
}

const closed = { additionalProperties: false }
const Bytes = Type.Union([Type.Integer({ minimum: 1 }), Type.String({ description: BYTES_FORMS })])
/** 0: nothing is given a second time while others hold it. */
const FallbackBytes = Type.Union([Type.Integer({ minimum: 0 }), Type.String({ description: BYTES_FORMS })])
const ClassRates = Type.Object(
  {
    uploadBytesPerSecond: Type.Optional(Bytes),
    downloadBytesPerSecond: Type.Optional(Bytes),
  },
  closed,
)

/** The key `exchange` of a configuration file. */
export const ExchangeConfigSchema = Type.Object(
  {
    solid: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('always'), Type.Literal('never')])),
    rates: Type.Optional(
      Type.Object(
        {
          uploadBytesPerSecond: Type.Optional(Bytes),
          downloadBytesPerSecond: Type.Optional(Bytes),
          requested: Type.Optional(ClassRates),
          background: Type.Optional(ClassRates),
          fallbackBytesPerSecond: Type.Optional(FallbackBytes),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** Reads the key `exchange` of the file at `path`. Throws ConfigError. */
export function resolveExchange(
  file: Static<typeof ExchangeConfigSchema> | undefined,
  path: string,
): ExchangeConfig {
  return { solid: file?.solid ?? 'auto', rates: resolveRates(file?.rates ?? {}, path) }
}

function resolveRates(
  rates: NonNullable<Static<typeof ExchangeConfigSchema>['rates']>,
  path: string,
): ExchangeRates {
  const read = (key: string, value: number | string | undefined) =>
    bytes(value, `${path}: exchange.rates.${key}`)
  const direction = (name: 'uploadBytesPerSecond' | 'downloadBytesPerSecond'): Rates => ({
    bytesPerSecond: read(name, rates[name]),
    requestedBytesPerSecond: read(`requested.${name}`, rates.requested?.[name]),
    backgroundBytesPerSecond: read(`background.${name}`, rates.background?.[name]),
  })
  return {
    upload: direction('uploadBytesPerSecond'),
    download: direction('downloadBytesPerSecond'),
    fallbackBytesPerSecond: read('fallbackBytesPerSecond', rates.fallbackBytesPerSecond),
  }
}

function bytes(value: number | string | undefined, key: string): number | undefined {
  if (value === undefined || typeof value === 'number') return value
  const parsed = parseBytes(value)
  if (parsed === undefined || (parsed === 0 && !key.endsWith('fallbackBytesPerSecond')))
    throw new ConfigError(`${key} must be ${BYTES_FORMS}`)
  return parsed
}
