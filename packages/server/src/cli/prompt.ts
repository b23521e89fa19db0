import type { ReadStream } from "node:tty"
import { CliError } from "./cli-error.ts"
import { exitCodes } from "./exit-codes.ts"
import { createTypedLine, type TypedLine } from "./typed-line.ts"

/** The part of `process.stdin` that asking needs, where it is a terminal: without raw mode that edits lines by itself. */
export type TypedInput = Pick<ReadStream, "setEncoding" | "setRawMode" | "on" | "off" | "resume" | "pause">

/** A person at a terminal. */
export interface PromptTerminal {
  readonly input: TypedInput
  write(text: string): void
  /** Calls the listener at every signal that would end the process; returns how to stop. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void
}

/** As `Terminal.ask`, whatever was typed ahead included. */
export function createPrompt(terminal: PromptTerminal): Ask {
  const { input, write } = terminal
  let ahead = ""
  let isOver = false
  // of a terminal that has gone after the question: there is nobody to tell
  input.on("error", () => {})

  function begin(question: string, isHidden: boolean, settle: (outcome: Outcome) => void): void {
    const take = createTypedLine()
    let isOpen = true
    const onData = (piece: string) => end(take(piece))
    const onEnd = () => end({ kind: "ended" })
    const onError = (error: Error) => end({ kind: "failed", error })
    const stopSignals = terminal.onSignal((signal) => end({ kind: "interrupted", signal }))

    function end(outcome: Outcome | undefined) {
      if (!outcome || !isOpen) return
      isOpen = false
      stopSignals()
      input.off("data", onData)
      input.off("end", onEnd)
      input.off("error", onError)
      input.pause()
      if (isHidden) input.setRawMode(false)
      // the Enter that was not shown; after ^C whatever comes next has a line of its own
      if (isHidden || outcome.kind !== "line") write("\n")
      settle(outcome)
    }

    input.setEncoding("utf8")
    input.on("data", onData)
    input.on("end", onEnd)
    input.on("error", onError)
    // before the question, so that nothing which is typed at it is shown
    if (isHidden) input.setRawMode(true)
    if (!isOpen) return
    write(question)
    const before = ahead
    ahead = ""
    input.resume()
    if (before !== "") end(take(before))
  }

  return (question, isHidden = false) =>
    new Promise((resolve, reject) => {
      if (isOver) return reject(inputEnded())
      begin(question, isHidden, (outcome) => {
        if (outcome.kind === "line") {
          ahead = outcome.rest
          return resolve(outcome.text)
        }
        if (outcome.kind === "ended") isOver = true
        reject(errorOf(outcome))
      })
    })
}

type Ask = (question: string, isHidden?: boolean) => Promise<string>

type Outcome =
  | TypedLine
  | { readonly kind: "interrupted"; readonly signal: NodeJS.Signals }
  | { readonly kind: "failed"; readonly error: Error }

function errorOf(outcome: Exclude<Outcome, { kind: "line" }>): Error {
  switch (outcome.kind) {
    case "ended":
      return inputEnded()
    case "failed":
      return outcome.error
    case "interrupted":
      return interrupted("signal" in outcome ? outcome.signal : "SIGINT")
  }
}

function inputEnded(): CliError {
  return new CliError("The input ended before there was an answer: nothing was done.")
}

function interrupted(signal: NodeJS.Signals): CliError {
  const code = signal === "SIGINT" || signal === "SIGQUIT" ? exitCodes.detached : exitCodes.stopped
  return new CliError("Interrupted: nothing was done.", "", code)
}
