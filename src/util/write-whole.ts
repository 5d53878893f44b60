import { open, rename } from 'node:fs/promises'

/** Writes a file that only its owner may read, whole or not at all, also when the power fails. Errors: those of the file system. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
}
