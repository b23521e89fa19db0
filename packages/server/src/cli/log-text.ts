import type { Terminal } from "./terminal.ts"

/*
 * Anybody may have written a log. On a terminal its escape sequences could move the cursor over what stands there, set
 * titles, or put text where the next line is typed: of them only colours are let through.
 */

/** A sequence that sets colours and styles, in its common form: xterm has settings that differ by a `>` alone. */
const colour = /^\u001b\[[\d;:]*m$/
const reset = "\u001b[0m"

/** Escape sequences, whole or cut off at the end of the line, and any other control character. */
const steering = new RegExp(
  [
    // control sequences
    "(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]?",
    // strings (titles, clipboards, device control), to their end or the line's
    "(?:\\u001b[\\]PX^_]|[\\u0090\\u0098\\u009d-\\u009f])[^\\u0007\\u001b\\u009c]*(?:\\u0007|\\u001b\\\\|\\u009c)?",
    // the others
    "\\u001b[ -/]*[0-~]?",
    "[\\u0000-\\u0008\\u000a-\\u001f\\u007f-\\u009f]",
  ].join("|"),
  "g",
)

/** Lines of a log for the terminal, or for what reads there instead of one; each behind the prefix. */
export function logLines(terminal: Terminal, lines: readonly string[], prefix = ""): string {
  return lines
    .flatMap((line) => shownParts(terminal, line))
    .map((line) => `${prefix}${harmlessLine(terminal, line)}\n`)
    .join("")
}

/** A log as one text, with an end of line where it has none. */
export function logText(terminal: Terminal, text: string): string {
  return text === "" ? "" : logLines(terminal, text.replace(/\n$/, "").split("\n"))
}

/**
 * A line that is written over by carriage returns, as progress bars are: on a terminal as it stands in the end, else
 * each state of it.
 */
function shownParts({ isTty }: Terminal, line: string): readonly string[] {
  const parts = line.replace(/\r+$/, "").split(/\r+/)
  return isTty ? parts.slice(-1) : parts
}

function harmlessLine({ hasColour }: Terminal, line: string): string {
  let isColoured = false
  const text = line.replace(steering, (sequence) => {
    if (!hasColour || !colour.test(sequence)) return ""
    isColoured = true
    return sequence
  })
  // what it leaves switched on is not for what comes after it
  return isColoured ? `${text}${reset}` : text
}
