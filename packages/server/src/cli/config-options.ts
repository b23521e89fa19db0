import { readFileSync } from "node:fs"
import { Option } from "commander"
import type { ConfigKey, ConfigKeyName } from "../config-keys.ts"
import { configKeyNames, configKeys } from "../config-keys.ts"
import type { ConfigFault, ConfigFlags, LoadedConfig } from "../config.ts"
import { loadConfig } from "../config.ts"
import { CliError } from "./cli-error.ts"
import { exitCodes } from "./exit-codes.ts"
import type { Terminal } from "./terminal.ts"

/** The flags of `berth up`, one for each setting, from the table of settings. */
export function configOptions(): readonly Option[] {
  return [
    new Option("--config <FILE>", "YAML file of settings [BERTH_CONFIG]"),
    ...configKeyNames.map((name) => toOption(configKeys[name] as ConfigKey<unknown>)),
  ]
}

function toOption(key: ConfigKey<unknown>): Option {
  const { type, flag } = key
  const fallback = type.isSwitch ? "" : (key.fallbackText ?? type.format(key.fallback(someHost)))
  const ending = fallback === "" ? "" : ` (default ${fallback})`
  const option = new Option(
    type.isSwitch ? flag : `${flag} <${type.syntax}>`,
    `${key.sentence}${ending} [${key.env}]`,
  )
  return type.isList ? option.argParser(collectTexts) : option
}

const someHost = { isRoot: false, homeDir: "~" }

/** For options that may be repeated. */
export function collectTexts(text: string, before: unknown): readonly string[] {
  return [...(Array.isArray(before) ? (before as readonly string[]) : []), text]
}

/** What the command line said, by setting. */
function readFlags(options: Readonly<Record<string, unknown>>): ConfigFlags {
  const flags: Partial<Record<ConfigKeyName, unknown>> = {}
  for (const name of configKeyNames) {
    const option = toOption(configKeys[name])
    const value = options[option.attributeName()]
    // commander keeps `--no-auth` as `auth: false`, and `auth: true` when it was not said
    if (option.negate) {
      if (value === false) flags[name] = true
    } else if (value !== undefined) flags[name] = value
  }
  return flags
}

/**
 * The settings of a command line, its environment and its file.
 * @param over settings that win over all of them
 * @throws CliError with every fault, exit code 2
 */
export function readSettings(
  terminal: Terminal,
  options: Readonly<Record<string, unknown>>,
  over: ConfigFlags = {},
): Extract<LoadedConfig, { ok: true }> {
  const said = options["config"]
  const file = typeof said === "string" ? said : terminal.env["BERTH_CONFIG"] || undefined
  const text = file === undefined ? null : readFile(file)
  const loaded = loadConfig({ ...readFlags(options), ...over }, terminal.env, text, terminal)
  if (!loaded.ok) throw new CliError(wordFaults(loaded.faults, file), helpHint, exitCodes.usage)
  return loaded
}

const helpHint = "`berth up --help` lists every setting, `berth config show` what holds."

function wordFaults(faults: readonly ConfigFault[], file: string | undefined): string {
  const lines = faults.map(({ where, message }) => `${where} ${message}`)
  const text = lines.map((line) => (file === undefined ? line : line.replace(/\bthe file\b/, file)))
  return text.length === 1 ? (text[0] ?? "") : `${text.length} settings are wrong:\n  ${text.join("\n  ")}`
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new CliError(`The configuration file ${file} cannot be read (${code}).`, "", exitCodes.usage)
  }
}
