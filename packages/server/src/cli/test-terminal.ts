import type { Terminal } from "./terminal.ts"

/** A terminal that remembers: for tests. */
export interface TestTerminal extends Terminal {
  readonly stdout: () => string
  readonly stderr: () => string
  /** As Ctrl-C would. */
  interrupt(signal?: "SIGINT" | "SIGTERM"): void
  /** Moves its clock forward. */
  advance(ms: number): void
  /** Codes that `exit` was called with. */
  readonly exits: readonly number[]
}

export interface TestTerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly homeDir?: string
  readonly cwd?: string
  readonly nowMs?: number
  readonly isRoot?: boolean
  /** Whether a person looks on: in colours, unless NO_COLOR is set. Default false. */
  readonly isTty?: boolean
  /** Standard input. */
  readonly input?: string
}

export function createTestTerminal(options: TestTerminalOptions = {}): TestTerminal {
  const {
    env = {},
    homeDir = "/nonexistent",
    cwd = "/",
    nowMs = Date.UTC(2030, 0, 1),
    isRoot = false,
    isTty = false,
    input = "",
  } = options
  const written = { out: "", err: "" }
  const listeners = new Set<(signal: "SIGINT" | "SIGTERM") => void>()
  const exits: number[] = []
  let passedMs = 0
  return {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    drained: () => Promise.resolve(),
    isTty,
    hasColour: isTty && !env["NO_COLOR"],
    columns: 0,
    env,
    cwd,
    isRoot,
    homeDir,
    nowMs: () => nowMs + passedMs,
    input: () => Promise.resolve(input),
    advance: (ms) => void (passedMs += ms),
    onInterrupt(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    exit: (code) => void exits.push(code),
    stdout: () => written.out,
    stderr: () => written.err,
    interrupt: (signal = "SIGINT") => {
      for (const listener of listeners) listener(signal)
    },
    exits,
  }
}
