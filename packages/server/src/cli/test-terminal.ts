import type { Terminal } from "./terminal.ts"

/** A terminal that remembers: for tests. */
export interface TestTerminal extends Terminal {
  readonly stdout: () => string
  readonly stderr: () => string
  /** As Ctrl-C would. */
  interrupt(signal?: "SIGINT" | "SIGTERM"): void
  /** Moves its clock forward. */
  advance(ms: number): void
  /** What was asked, those whose answers are not shown in brackets. */
  readonly questions: readonly string[]
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
  /** What a person types at each question: there is one, then. Without one left the input has ended. */
  readonly answers?: readonly string[]
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
    answers,
  } = options
  const written = { out: "", err: "" }
  const listeners = new Set<(signal: "SIGINT" | "SIGTERM") => void>()
  const exits: number[] = []
  const questions: string[] = []
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
    canAsk: answers !== undefined,
    ask(question, isHidden = false) {
      const answer = answers?.[questions.length]
      questions.push(isHidden ? `[${question}]` : question)
      return answer === undefined ? Promise.reject(new Error("The input ended.")) : Promise.resolve(answer)
    },
    questions,
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
