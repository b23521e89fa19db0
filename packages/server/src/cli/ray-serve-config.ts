import { usageError } from "./cli-error.ts"

/** An application of a Serve configuration. */
export interface ServeApplicationFact {
  readonly name: string
  /** Where it answers: `/` where nothing is said. */
  readonly prefix: string
}

/** The applications of a Serve configuration (V2, YAML). @throws CliError for a text that is none */
export async function readServeConfig(file: string, text: string): Promise<readonly ServeApplicationFact[]> {
  const { parse, YAMLParseError } = await import("yaml")
  try {
    const value: unknown = parse(text)
    const found = applicationsOf(value)
    if (found.length > 0) return found
  } catch (error) {
    if (error instanceof YAMLParseError) throw usageError(`-f ${file} is not YAML: ${error.message}`)
    throw error
  }
  throw usageError(
    `-f ${file} is no Serve configuration: it has no applications.`,
    "It begins with `applications:`, each with a name and an import_path; `serve build` of Ray writes one.",
  )
}

function applicationsOf(value: unknown): readonly ServeApplicationFact[] {
  const list = (value as { readonly applications?: unknown } | null)?.applications
  if (!Array.isArray(list)) return []
  return (list as readonly Readonly<Record<string, unknown>>[]).map((each) => ({
    name: typeof each["name"] === "string" ? each["name"] : "default",
    prefix: typeof each["route_prefix"] === "string" ? each["route_prefix"] : "/",
  }))
}
