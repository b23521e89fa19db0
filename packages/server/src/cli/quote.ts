const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/**
 * One word for a POSIX shell: given back unchanged whatever it holds.
 * @throws RangeError for a NUL character, which no argument can hold
 */
export function quoteWord(word: string): string {
  if (word.includes("\0")) throw new RangeError("An argument cannot hold a NUL character.")
  // "=" in front and a leading "~" mean something to shells, so only clearly plain words stay bare.
  if (plain.test(word) && !word.startsWith("=")) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** A command line that gives a POSIX shell exactly these words, as the arguments of `exec` or of a command. */
export function quoteCommand(words: readonly string[]): string {
  return words.map(quoteWord).join(" ")
}

export interface EntryPointOptions {
  /** Absolute, on the machine where it runs. */
  readonly cwd: string
  readonly command: readonly string[]
}

/** The script that a pod's shell runs: go to the folder, then become the command. */
export function renderEntryPoint(options: EntryPointOptions): string {
  // `--` for a folder that begins with a dash; a CDPATH would go elsewhere and print where.
  return `CDPATH= cd -- ${quoteWord(options.cwd)} && exec ${quoteCommand(options.command)}\n`
}

/** base64 of the UTF-8 text, as the Workload API wants it. */
export function toBase64(script: string): string {
  return Buffer.from(script, "utf8").toString("base64")
}

const longestName = 45

/**
 * A name for people from the command: `python3 ~/my_train.py --lr 1` gives `my-train`. Always fits the
 * rule of workload names: 2 to 45 of lower-case letters, digits and dashes, a letter first.
 */
export function nameFromCommand(command: readonly string[]): string {
  const isRunner = (word: string) =>
    /^(python|pypy|node|bash|sh|zsh|ruby|perl|uv|poetry|torchrun|accelerate)[0-9.]*$/.test(baseName(word))
  const first = command[0] ?? ""
  const script = isRunner(first)
    ? command.slice(1).find((word) => /^[^-].*\.[A-Za-z0-9]+$/.test(word) && !/\s/.test(word))
    : undefined
  const stem = baseName(script ?? first).replace(/\.[A-Za-z0-9]{1,5}$/, "")
  return sanitiseName(stem)
}

const baseName = (path: string) => path.replace(/\/+$/, "").split("/").at(-1) ?? ""

/** Any text as a workload name. */
export function sanitiseName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, longestName)
    .replace(/-+$/, "")
  return name.length >= 2 ? name : name === "" ? "run" : `run-${name}`
}
