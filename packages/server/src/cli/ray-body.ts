import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import type { Cluster } from "@berth/contract/kuberay"
import { ClusterSchema, decodeBody } from "@berth/contract/kuberay"
import { usageError } from "./cli-error.ts"
import type { Terminal } from "./terminal.ts"

/** The text of a file of the user's; `-` is standard input. @throws CliError when it cannot be read */
export async function readText(terminal: Terminal, option: string, file: string): Promise<string> {
  if (file === "-") return terminal.input()
  try {
    return readFileSync(resolve(terminal.cwd, file), "utf8")
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error)
    throw usageError(`${option} ${file} cannot be read: ${why}.`)
  }
}

/** An object of a YAML or JSON file. @throws CliError */
export async function readObject(
  terminal: Terminal,
  option: string,
  file: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { parse } = await import("yaml")
  let value: unknown
  try {
    value = parse(await readText(terminal, option, file))
  } catch (error) {
    if (error instanceof Error && error.name.startsWith("YAML"))
      throw usageError(`${option} ${file} is neither YAML nor JSON: ${error.message}`)
    throw error
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw usageError(`${option} ${file} must hold an object.`)
}

/** A cluster as the KubeRay API takes it, from a file. @throws CliError */
export async function readCluster(terminal: Terminal, file: string): Promise<Cluster> {
  const value = await readObject(terminal, "-f", file)
  const body = new TextEncoder().encode(JSON.stringify(value))
  const read = decodeBody(ClusterSchema, body)
  if (read.ok) return read.value
  throw usageError(`-f ${file} is no cluster of the KubeRay API: ${read.fault}.`)
}
