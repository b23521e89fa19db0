import { fileURLToPath } from "node:url"

/**
 * What one process of a run has compiled the others take, and those of the next run: each test that lists something
 * starts a thread of the store, and to strip and compile its modules took most of the time.
 */
export function setup(): void {
  process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(
    new URL("../../node_modules/.cache/compiled-for-tests", import.meta.url),
  )
}
