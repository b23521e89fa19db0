#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=8
import module from "node:module"
import { fileURLToPath } from "node:url"

// The flag above bounds what V8 keeps free for new objects and does not give back: 20 MiB less than with its default of
// 16 for the idle server, half as much for each pod, and no more time a request. With 4, bursts of submits stall longer.
// The root's `npm start` and `berth unit` start the server with the same flags.

// What was compiled is kept beside the dependencies, where only who may change the program may write. Without it every
// start strips the types of a thousand files again, which takes a third of a second and leaves the stripper in memory
// (26 MiB). That is why this file is JavaScript. A directory that cannot be written to means no cache, and no fault.
module.enableCompileCache?.(fileURLToPath(new URL("../../../node_modules/.cache/berth", import.meta.url)))

// The system's Node is found first where somebody calls this file by its path: an older one would only say that it does
// not know the extension.
if (process.features.typescript) await import("../src/cli/berth.ts")
else {
  process.stderr.write(
    `error: This is Node ${process.version}, which cannot run Berth.\n` +
      "  The right one came with `npm ci`: say `npx berth` in that folder, or put its node_modules/.bin first in PATH.\n",
  )
  process.exitCode = 4
}
