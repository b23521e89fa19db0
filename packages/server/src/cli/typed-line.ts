/** What became of a line that is typed. */
export type TypedLine =
  | { readonly kind: "line"; readonly text: string; readonly rest: string }
  | { readonly kind: "interrupted" }
  | { readonly kind: "ended" }

/** Keys that a terminal without its own line editing sends as they are. */
const keys = {
  interrupt: "\u0003",
  end: "\u0004",
  enter: ["\r", "\n", "\u0004"],
  erase: ["\u007f", "\b"],
  kill: "\u0015",
  escape: "\u001b",
}

/**
 * Takes what is typed, piece by piece, until there is a line: Enter ends it, Backspace takes back one character and
 * Ctrl-U all, Ctrl-C interrupts, Ctrl-D on an empty line is the end of the input. Arrows and other keys that send
 * control characters are nothing.
 * @returns a function that gives undefined while the line is not whole; `rest` is what came after it
 */
export function createTypedLine(): (piece: string) => TypedLine | undefined {
  let text: readonly string[] = []
  // of the sequence that a key such as an arrow sends: ESC, then [ … letter, or O letter
  let sequence: "none" | "begun" | "csi" | "ss3" = "none"

  /** Whether the character belongs to such a sequence. */
  function isOfSequence(character: string): boolean {
    const before = sequence
    // Ctrl-C and Enter act in the middle of one too
    if (/\p{Cc}/u.test(character) && character !== keys.escape) {
      sequence = "none"
      return false
    }
    if (before === "csi") sequence = /[@-~]/.test(character) ? "none" : "csi"
    else if (character === keys.escape) sequence = "begun"
    else if (before === "begun") sequence = character === "[" ? "csi" : character === "O" ? "ss3" : "none"
    else sequence = "none"
    return before === "csi" || before === "ss3" || sequence !== "none"
  }

  return (piece) => {
    const characters = [...piece]
    for (const [at, character] of characters.entries()) {
      if (isOfSequence(character)) continue
      if (character === keys.interrupt) return { kind: "interrupted" }
      if (character === keys.end && text.length === 0) return { kind: "ended" }
      if (!keys.enter.includes(character)) {
        text = edited(text, character)
        continue
      }
      const rest = characters.slice(at + 1).join("")
      return { kind: "line", text: text.join(""), rest: character === "\r" ? rest.replace(/^\n/, "") : rest }
    }
    return undefined
  }
}

function edited(text: readonly string[], character: string): readonly string[] {
  if (keys.erase.includes(character)) return text.slice(0, -1)
  if (character === keys.kill) return []
  return character === "\t" || !/\p{Cc}/u.test(character) ? [...text, character] : text
}
