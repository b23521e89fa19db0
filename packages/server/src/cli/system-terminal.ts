import { homedir } from "node:os"
import { text } from "node:stream/consumers"
import { isatty } from "node:tty"
import { createPrompt } from "./prompt.ts"
import type { Terminal } from "./terminal.ts"

/** The process's own terminal. Ends the process quietly when whoever reads its output has gone. */
export function createSystemTerminal(env: Readonly<Record<string, string | undefined>>): Terminal {
  const { stdout, stderr } = process
  for (const stream of [stdout, stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `berth logs x | head`: nobody reads on, and there is nobody to tell.
      if (error.code === "EPIPE") process.exit(0)
      throw error
    })
  const isTty = stdout.isTTY
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    drained: () =>
      stdout.writableNeedDrain ? new Promise((resolve) => stdout.once("drain", resolve)) : Promise.resolve(),
    isTty,
    hasColour: isTty && !env["NO_COLOR"] && env["TERM"] !== "dumb",
    columns: isTty ? stdout.columns : 0,
    env,
    cwd: workingDirectory(),
    isRoot: process.getuid?.() === 0,
    homeDir: homedir(),
    nowMs: () => Date.now(),
    input: () => text(process.stdin),
    canAsk: isatty(0),
    ask: createAsk(),
    exit: (code) => process.exit(code),
    onInterrupt(listener, hangup = false) {
      const onInt = () => listener("SIGINT")
      const onTerm = () => listener("SIGTERM")
      process.on("SIGINT", onInt)
      process.on("SIGTERM", onTerm)
      if (hangup) process.on("SIGHUP", onTerm)
      return () => {
        process.off("SIGINT", onInt)
        process.off("SIGTERM", onTerm)
        process.off("SIGHUP", onTerm)
      }
    },
  }
}

/** Standard input is looked at by those commands alone that ask something: it may be closed. */
function createAsk(): Terminal["ask"] {
  let prompt: Terminal["ask"] | undefined
  const write = (text: string) => void process.stderr.write(text)
  return (question, isHidden) => {
    prompt ??= createPrompt({ input: process.stdin, write, onSignal })
    return prompt(question, isHidden)
  }
}

const endingSignals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const

function onSignal(listener: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of endingSignals) process.on(signal, listener)
  return () => {
    for (const signal of endingSignals) process.off(signal, listener)
  }
}

/** The folder may have been removed under the shell. */
function workingDirectory(): string {
  try {
    return process.cwd()
  } catch {
    return "/"
  }
}
