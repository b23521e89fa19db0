/** Where the command writes and what it knows of its surroundings; handed in so that tests can read it. */
export interface Terminal {
  /** Results. */
  out(text: string): void
  /** Progress, warnings and errors. */
  err(text: string): void
  /** Resolves when the reader of the results has caught up: awaited between pieces of long output. */
  drained(): Promise<void>
  /** Colours and redrawing are for people only. */
  readonly isTty: boolean
  readonly hasColour: boolean
  /** Width in columns; 0 where there is none (a pipe). */
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly isRoot: boolean
  readonly homeDir: string
  nowMs(): number
  /** All of standard input, as text. */
  input(): Promise<string>
  /** Standard input is a person's: `ask` will do. */
  readonly canAsk: boolean
  /**
   * Asks for a line, on standard error, so that results stay by themselves; with `isHidden` nothing of what is typed is
   * shown. The terminal is as before afterwards, whatever happened. One question at a time.
   * @throws CliError when the input ends, or Ctrl-C or a signal interrupts (exit code 130 or 143)
   */
  ask(question: string, isHidden?: boolean): Promise<string>
  /**
   * Calls the listener on Ctrl-C (SIGINT) and SIGTERM; returns how to stop listening.
   * @param hangup also when the terminal goes (as SIGTERM); not for what `nohup` is to keep
   */
  onInterrupt(listener: (signal: "SIGINT" | "SIGTERM") => void, hangup?: boolean): () => void
  /** Ends the process at once. */
  exit(code: number): void
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const
export type Style = keyof typeof styles

/** The text in a style, where the terminal shows styles. */
export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.hasColour && text !== "" ? `\u001b[${styles[style]}m${text}\u001b[0m` : text
}

const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Text from elsewhere without control characters (tab and newline stay), so that it cannot steer the terminal. */
export function harmless(text: string): string {
  return text.replace(controls, "�")
}
