import { buildApp } from './app.ts'
import type { RouteContext } from './context.ts'

/** The OpenAPI document of the tracker, as it stands in docs/openapi.json. */
export async function openApiText(): Promise<string> {
  // Routes are registered and none is called, so there is nothing behind them.
  const app = await buildApp(Object.create(null) as RouteContext)
  const text = `${JSON.stringify(app.swagger(), undefined, 2)}\n`
  await app.close()
  return text
}
