import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { ConfigKey } from "../../config-keys.ts"
import { configKeys } from "../../config-keys.ts"
import type { ConfigEntry } from "../../config.ts"
import { usageError } from "../cli-error.ts"
import { readSettings } from "../config-options.ts"
import type { Terminal } from "../terminal.ts"

export type UnitOptions = Readonly<Record<string, unknown>> & {
  readonly user?: boolean
  readonly account?: string
}

/** What the unit starts. */
export interface Program {
  /** Node, absolute. */
  readonly node: string
  readonly nodeFlags: readonly string[]
  /** The command line program's file, absolute. */
  readonly file: string
}

/** `berth unit`: prints a systemd unit that runs `berth up` with the settings that were given. Writes nothing. */
export async function unit(terminal: Terminal, options: UnitOptions): Promise<void> {
  terminal.out(
    renderUnit(terminal, options, {
      node: process.execPath,
      nodeFlags: process.execArgv,
      file: fileURLToPath(new URL("../../../bin/berth.js", import.meta.url)),
    }),
  )
}

/** The unit's text. @throws CliError for settings that are wrong or hold a password */
export function renderUnit(terminal: Terminal, options: UnitOptions, program: Program): string {
  const isUser = options.user === true
  const { account } = options
  if (isUser && account !== undefined)
    throw usageError("--account is for units of the system: those of --user run as their user.")
  if (account !== undefined && !/^[a-z_][a-z0-9_-]{0,31}\$?$/i.test(account))
    throw usageError(`"${account}" cannot name an account.`)
  const host = { ...terminal, isRoot: !isUser }
  const { entries, config } = readSettings(host, options)
  refuseSecrets(entries)
  const isDataSaid = entries.some(({ name, origin }) => name === "data" && origin !== "default")
  const command = [
    program.node,
    ...program.nodeFlags,
    program.file,
    "up",
    "--data",
    resolve(terminal.cwd, config.data),
    ...configFlag(terminal, options),
    ...entries
      .filter(({ name, origin }) => origin === "flag" && name !== "data")
      .flatMap(flagsOf(terminal, options)),
  ]
  return [
    "[Unit]",
    "Description=Berth: shares this machine's accelerators",
    ...(isUser ? [] : ["Wants=network-online.target", "After=network-online.target"]),
    "# What keeps it from starting (a port that is taken) may pass: it goes on trying.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${command.map(unitWord).join(" ")}`,
    ...entries
      .filter(({ name, origin }) => origin === "environment" && name !== "data")
      .map(variableOf(terminal)),
    ...(account === undefined ? [] : [`User=${account}`]),
    ...(account === undefined || isDataSaid ? [] : ["StateDirectory=berth", "StateDirectoryMode=0711"]),
    "Restart=always",
    "RestartSec=2",
    "# Settings that are wrong stay wrong.",
    "RestartPreventExitStatus=2",
    "# Pods outlive the server and are taken over by its next start: only the server's own process is ended.",
    "KillMode=process",
    "TimeoutStopSec=90",
    "# A pod that runs out of memory is no reason to end the server.",
    "OOMPolicy=continue",
    "# Control groups below its own, for pods; and pods count as the unit's tasks and open many files.",
    "Delegate=yes",
    "TasksMax=infinity",
    "LimitNOFILE=65536",
    "",
    "[Install]",
    `WantedBy=${isUser ? "default.target" : "multi-user.target"}`,
    "",
  ].join("\n")
}

/** Anybody on the machine may read a unit and the arguments of a process. */
function refuseSecrets(entries: readonly ConfigEntry[]): void {
  const found = entries.find(
    ({ value, origin }) =>
      (origin === "flag" || origin === "environment") && /:\/\/[^/@\s]*:[^/@\s]+@/.test(value),
  )
  if (found)
    throw usageError(
      `${found.from} holds a password, which everybody on the machine could read in the unit.`,
      "Put it into a file of settings that only the server's account can read, and give that with --config FILE.",
    )
}

function configFlag(terminal: Terminal, options: UnitOptions): readonly string[] {
  const file = options["config"] ?? terminal.env["BERTH_CONFIG"]
  return typeof file === "string" && file !== "" ? ["--config", resolve(terminal.cwd, file)] : []
}

function flagsOf(terminal: Terminal, options: UnitOptions) {
  return ({ name, value }: ConfigEntry): readonly string[] => {
    const { type, flag } = configKeys[name] as ConfigKey<unknown>
    if (type.isSwitch) return [flag]
    const said = options[attributeOf(flag)]
    const texts = type.isList && Array.isArray(said) ? said.map(String) : [value]
    const isPath = type.syntax === "DIR" || type.syntax === "FILE"
    return texts.flatMap((text) => [flag, isPath ? resolve(terminal.cwd, text) : text])
  }
}

/** As commander names it: `--tls-cert` is `tlsCert`. */
function attributeOf(flag: string): string {
  return flag.replace(/^--/, "").replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function variableOf(terminal: Terminal) {
  return ({ name }: ConfigEntry): string => {
    const { env } = configKeys[name] as ConfigKey<unknown>
    return `Environment=${quoted(`${env}=${terminal.env[env] ?? ""}`)}`
  }
}

/** One word of a unit's command: neither split nor expanded. */
function unitWord(word: string): string {
  const plain = /^[A-Za-z0-9_@+=:,./-]+$/
  return plain.test(word) ? word : quoted(word.replaceAll("$", "$$$$"))
}

function quoted(text: string): string {
  if (/[\0\n\r]/.test(text)) throw usageError("A setting with a line break cannot stand in a unit.")
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%")}"`
}
