import { getCompileCacheDir } from "node:module"
import { dirname } from "node:path"
import { Worker } from "node:worker_threads"

/**
 * A thread that runs the file `name` of this folder, given without its ending.
 * It sees nothing of the process's environment. Where the process keeps what was compiled, the thread does too:
 * else each would load the stripper of types, which costs 17 MiB and stays.
 */
export function startThread(name: string, workerData: unknown): Worker {
  // the published package is JavaScript, a clone TypeScript: the thread's file has the ending of this one
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js"
  const cache = getCompileCacheDir()
  return new Worker(new URL(`./${name}.${ending}`, import.meta.url), {
    workerData,
    // what is answered is a folder that Node made for its version, inside the one that it was given
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) },
  })
}
