#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import module from "node:module"
import { fileURLToPath } from "node:url"

// What was compiled is kept beside the dependencies, where only who may change the program may write. Without it every
// start strips the types of a thousand files again, which takes a third of a second and leaves the stripper in memory
// (26 MiB). That is why this file is JavaScript. A directory that cannot be written to means no cache, and no fault.
module.enableCompileCache?.(fileURLToPath(new URL("../../../node_modules/.cache/berth", import.meta.url)))

await import("../src/cli/berth.ts")
