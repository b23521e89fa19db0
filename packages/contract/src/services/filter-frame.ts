/** One fault as the validator prints it when it prints a whole model's. */
export interface FramedFault {
  readonly model: string
  /** The member it is of; absent: the model as a whole. */
  readonly member?: string
  readonly type: string
  readonly message: string
  /** As Python's `repr` writes it; shown cut when longer than 50 bytes. */
  readonly input: string
  readonly inputType: string
}

/** The text of a validator's error with one fault. */
export function filterFrame({ model, member, type, message, input, inputType }: FramedFault): string {
  const lines = [`1 validation error for ${model}`]
  if (member !== undefined) lines.push(member)
  lines.push(
    `  ${message} [type=${type}, input_value=${shortened(input)}, input_type=${inputType}]`,
    `    For further information visit https://errors.pydantic.dev/2.12/v/${type}`,
  )
  return lines.join("\n")
}

const maxShown = 50
const shownAtStart = 25
const shownAtEnd = 24

/** Whole characters of the first 25 and of the last 24 bytes, around `...`. */
function shortened(text: string): string {
  const encoder = new TextEncoder()
  const start = text.slice(0, maxShown)
  if (text.length <= maxShown && encoder.encode(start).length <= maxShown) return text
  const end = reversed(text.slice(-maxShown))
  return `${fitting(start, shownAtStart)}...${reversed(fitting(end, shownAtEnd))}`
}

function reversed(text: string): string {
  return Array.from(text).toReversed().join("")
}

function fitting(characters: string, mostBytes: number): string {
  const encoder = new TextEncoder()
  let fit = ""
  let size = 0
  for (const character of characters) {
    size += encoder.encode(character).length
    if (size > mostBytes) break
    fit += character
  }
  return fit
}
