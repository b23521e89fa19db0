#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { readEnvironment } from "../config-environment.ts"
import { runCli } from "./program.ts"
import { createSystemTerminal } from "./system-terminal.ts"

const terminal = createSystemTerminal(readEnvironment())
// the code is set, not forced: what was written gets out first
process.exitCode = await runCli(process.argv.slice(2), terminal)
