import type { Option } from "commander"
import { Command } from "commander"
import type { Terminal } from "./terminal.ts"

/** A flag as commander writes it, what it does, and how its texts are gathered. */
export interface FlagSpec {
  readonly flags: string
  readonly sentence: string
  /** May be given several times: the option is a list then. */
  readonly isList?: boolean
}

/** One command: its words and flags, its help, and what runs. */
export interface CommandSpec<Options = unknown> {
  /** Name and arguments: `logs <workload>`. */
  readonly usage: string
  readonly sentence: string
  readonly aliases?: readonly string[]
  readonly flags?: readonly FlagSpec[]
  /** Flags made elsewhere: those of the settings. */
  readonly options?: readonly Option[]
  /** Without --server, --data and -o. */
  readonly isLocal?: boolean
  /** Everything after the first argument is the user's command line, not ours. */
  readonly isPassThrough?: boolean
  /** What a group does when none of its commands is named. */
  readonly isDefault?: boolean
  /** Lines below the flags. */
  readonly notes?: readonly string[]
  readonly examples?: readonly string[]
  /** Resolves with the exit code, 0 where there is none. Loads what it needs by itself. */
  readonly run: (terminal: Terminal, args: readonly string[], options: Options) => Promise<number | void>
}

/** A command with its options' type checked where it is written. */
export function command<Options>(spec: CommandSpec<Options>): CommandSpec {
  // commander gives options by the flags of the same spec
  return { ...spec, run: (terminal, args, options) => spec.run(terminal, args, options as Options) }
}

/** A flag of a command. */
export function flag(flags: string, sentence: string): FlagSpec {
  return { flags, sentence }
}

/** A flag that may be given several times. */
export function listFlag(flags: string, sentence: string): FlagSpec {
  return { flags, sentence, isList: true }
}

/** Of commands that send a secret. */
export const insecure = flag("--insecure", "send it over plain http to another machine too")

const commonFlags: readonly FlagSpec[] = [
  flag("-o, --output <FORM>", "table, json or yaml (default table)"),
  flag("--server <URL>", "the server [BERTH_SERVER]"),
  flag("--data <DIR>", "find a server on this machine by its data directory [BERTH_DATA]"),
]

/** Hangs a command into a group; `done` is told its exit code. */
export function addCommand(
  parent: Command,
  spec: CommandSpec,
  terminal: Terminal,
  done: (exitCode: number) => void,
): void {
  const { aliases = [], options = [], flags = [] } = spec
  const [name = "", ...args] = spec.usage.split(" ")
  const made = new Command(name).description(spec.sentence)
  for (const arg of args) made.argument(arg)
  for (const alias of aliases) made.alias(alias)
  for (const option of options) made.addOption(option)
  for (const one of spec.isLocal ? flags : [...flags, ...commonFlags]) addFlag(made, one)
  if (spec.isPassThrough) made.passThroughOptions()
  made.addHelpText("after", helpBelow(spec))
  made.action(async () => done((await spec.run(terminal, made.args, made.opts())) ?? 0))
  parent.addCommand(made, spec.isDefault ? { isDefault: true } : {})
}

/** Notes and examples, below the flags. */
function helpBelow({ notes = [], examples = [] }: CommandSpec): string {
  const lines = notes.length > 0 ? ["", ...notes] : []
  if (examples.length > 0) lines.push("\nExamples:", ...examples.map((example) => `  ${example}`))
  return lines.join("\n")
}

function addFlag(to: Command, { flags, sentence, isList }: FlagSpec): void {
  if (!isList) {
    to.option(flags, sentence)
    return
  }
  to.option(flags, `${sentence}; repeatable`, (text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    text,
  ])
}
