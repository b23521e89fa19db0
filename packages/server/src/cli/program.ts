import type { Option } from "commander"
import { Command, CommanderError } from "commander"
import { version } from "../version.ts"
import { placeOf } from "./asked-server.ts"
import { addCommand } from "./command-spec.ts"
import { exitCodes } from "./exit-codes.ts"
import { gpuCommands, gpuGroups } from "./gpu-commands.ts"
import { loginCommands } from "./login-commands.ts"
import type { GroupSpec } from "./platform-commands.ts"
import { platformGroups } from "./platform-commands.ts"
import { rayGroup } from "./ray-commands.ts"
import { servicesGroup } from "./service-record-commands.ts"
import { entryGroups } from "./ray-template-commands.ts"
import { configGroup, serverCommands } from "./server-commands.ts"
import type { Terminal } from "./terminal.ts"
import { harmless, paint } from "./terminal.ts"
import { workCommands } from "./work-commands.ts"

/** Runs one command line (without the program's name). Never throws; resolves with the exit code. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = exitCodes.ok
  try {
    const program = buildProgram(terminal, await settingsFor(argv), (code) => {
      exitCode = code
    })
    if (argv.length === 0) {
      program.outputHelp()
      return exitCodes.usage
    }
    await program.parseAsync([...argv], { from: "user" })
  } catch (error) {
    return reportError(terminal, error, argv)
  }
  return exitCode
}

/** The table of settings is loaded for those commands alone that show or read it. */
async function settingsFor(argv: readonly string[]): Promise<readonly Option[]> {
  const named = argv.filter((word) => !word.startsWith("-")).slice(0, 2)
  const isNeeded = ["up", "unit", "config"].includes(named[0] ?? "") || named[0] === "help"
  return isNeeded ? (await import("./config-options.ts")).configOptions() : []
}

function buildProgram(
  terminal: Terminal,
  settings: readonly Option[],
  done: (exitCode: number) => void,
): Command {
  const program = new Command("berth")
    .description("Share accelerators and run work on them.")
    .version(version, "-v, --version", "print the version")
    .enablePositionalOptions()
    .showHelpAfterError("`--help` shows how it is used.")
    .addHelpText("after", programHelp)
  program.exitOverride().configureOutput({
    writeOut: terminal.out,
    writeErr: terminal.err,
    getOutHelpWidth: () => terminal.columns || 100,
    getErrHelpWidth: () => terminal.columns || 100,
    outputError: (text, write) =>
      write(`${paint(terminal, "red", "error:")} ${unexpectedWord(text.replace(/^error: /, ""))}`),
  })
  for (const spec of [...workCommands, ...gpuCommands]) addCommand(program, spec, terminal, done)
  const groups = [
    ...gpuGroups,
    rayGroup,
    servicesGroup,
    ...entryGroups,
    ...platformGroups,
    configGroup(settings),
  ]
  for (const group of groups) addGroup(program, group, { terminal, done })
  for (const spec of loginCommands) addCommand(program, spec, terminal, done)
  for (const spec of serverCommands(settings)) addCommand(program, spec, terminal, done)
  for (const made of program.commands) inheritAll(program, made)
  return program
}

/** A group gives a word that is none of its commands to the one that it does by itself, which takes none. */
function unexpectedWord(text: string): string {
  return text.replace(
    /^too many arguments for .* Expected 0 .* got \d+: ([^,]+?)(?:, .*)?\.\n/,
    "unknown command or argument '$1'\n",
  )
}

interface Adding {
  readonly terminal: Terminal
  readonly done: (exitCode: number) => void
}

function addGroup(parent: Command, group: GroupSpec, adding: Adding): void {
  const made = new Command(group.name).description(group.sentence).enablePositionalOptions()
  for (const alias of group.aliases ?? []) made.alias(alias)
  for (const spec of group.commands) addCommand(made, spec, adding.terminal, adding.done)
  for (const inner of group.groups ?? []) addGroup(made, inner, adding)
  parent.addCommand(made)
}

/** Commands that are added ready-made do not take over their parent's settings by themselves. */
function inheritAll(parent: Command, made: Command): void {
  made.copyInheritedSettings(parent)
  for (const inner of made.commands) inheritAll(made, inner)
}

const programHelp = `
Begin with:
  berth up --demo                          a server with two simulated GPU nodes, and a job on them
  berth run --gpus 1 -- python train.py    run something
  berth gpus get --gpus 8 --for 4h         have GPU nodes to yourself for a time
  berth serve --port 8000 -- python app.py keep something up
  berth ray up demo                        a Ray cluster
  berth COMMAND --help                     flags and examples

The server is the one of --server or --data, then of BERTH_SERVER or BERTH_DATA, then of ~/.config/berth/config.yaml
(server, tokenFile, workspace), then the one of the last \`berth login\`, then that of the data directory on this machine.
The token is BERTH_TOKEN, then that of a login at this server, then the tokenFile, then owner.key of the data directory.

Exit codes: 0 done, 1 failed or refused, 2 wrong command line or settings, 3 no server reached (up: data directory
in use), 4 up cannot start here; run and logs -f: the workload's own code, 124 time over, 130 detached or
interrupted, 143 stopped.`

async function reportError(terminal: Terminal, error: unknown, argv: readonly string[]): Promise<number> {
  if (error instanceof CommanderError) {
    // help and version were asked for and written
    if (error.exitCode === 0) return exitCodes.ok
    if (error.code === "commander.unknownOption" && argv[0]?.startsWith("-"))
      terminal.err("Options stand behind the command: berth COMMAND --server URL\n")
    return exitCodes.usage
  }
  const { explainError } = await import("./explain-error.ts")
  const report = explainError(error, placeOf(terminal))
  terminal.err(`${paint(terminal, "red", "error:")} ${harmless(report.message)}\n`)
  for (const hint of report.hints) terminal.err(`  ${harmless(hint)}\n`)
  if (terminal.env["BERTH_DEBUG"] && error instanceof Error) terminal.err(`${error.stack ?? ""}\n`)
  return report.exitCode
}
