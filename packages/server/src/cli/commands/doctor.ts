import type { BerthClient } from "@berth/sdk"
import { BerthError, isUnreachable } from "@berth/sdk"
import { placeOf } from "../asked-server.ts"
import { databaseType } from "../../database-url.ts"
import type { Finding } from "../doctor-checks.ts"
import { machineChecks } from "../doctor-checks.ts"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { CliError } from "../cli-error.ts"
import { explainError } from "../explain-error.ts"
import { exitCodes } from "../exit-codes.ts"
import { dataDirs } from "../find-server.ts"
import { count } from "../human.ts"
import { readOutputForm, writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"

export interface DoctorOptions extends CommonOptions {
  readonly database?: string
}

/** `berth doctor`: what of this machine and its server is as it should be. Changes nothing. 1 when something fails. */
export async function doctor(terminal: Terminal, options: DoctorOptions): Promise<number> {
  const form = readOutputForm(options.output ?? "table")
  const server = await checkServer(terminal, options)
  const [dataDir = "."] = dataDirs(terminal, options)
  const machine = await machineChecks({ dataDir, isRoot: terminal.isRoot })
  const { rayFindings } = await import("../../ray-doctor.ts")
  const ray = await rayFindings(terminal.env)
  const findings = [...machine, ...ray, ...(await checkDatabase(terminal, options)), ...server]
  if (form === "table") for (const finding of findings) terminal.out(line(terminal, finding))
  else await writeValue(terminal, form, findings)
  return findings.some((finding) => finding.level === "fail") ? exitCodes.failure : exitCodes.ok
}

const colours = { ok: "green", warn: "yellow", fail: "red" } as const

function line(terminal: Terminal, { level, name, message, advice }: Finding): string {
  const todo = advice === "" || level === "ok" ? "" : `\n${" ".repeat(22)}${harmless(advice)}`
  return `${paint(terminal, colours[level], level.padEnd(4))}  ${name.padEnd(14)}  ${harmless(message)}${todo}\n`
}

/** Nothing where the database is a file: that is looked at as the data directory. */
async function checkDatabase(terminal: Terminal, options: DoctorOptions): Promise<readonly Finding[]> {
  const name = "database"
  const text = options.database ?? terminal.env["BERTH_DATABASE"]
  if (text === undefined || text.trim() === "") return []
  const parsed = databaseType.parse(text)
  if (!parsed.ok) return [{ name, level: "fail", message: `--database ${parsed.message}.`, advice: "" }]
  const { value } = parsed
  if (value === null) return []
  try {
    const { checkDatabase: check } = await import("../../open-database.ts")
    const { serverVersion, schemaVersion } = await check(value)
    const use = schemaVersion === 0 ? "and empty" : `with schema version ${schemaVersion}`
    return [
      { name, level: "ok", message: `${value.shown} is PostgreSQL ${serverVersion}, ${use}.`, advice: "" },
    ]
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return [{ name, level: "fail", message, advice: "The README says how to make role and database." }]
  }
}

/** No server is no fault: there may be none on this machine. */
async function checkServer(terminal: Terminal, options: CommonOptions): Promise<readonly Finding[]> {
  const name = "server"
  try {
    const { client, place } = await connect(terminal, options)
    const status = await client.berth.status({ timeoutMs: 5000 })
    const state = status.ready ? "ready" : `not ready: ${status.readyMessage}`
    const level = status.ready ? "ok" : "warn"
    return [
      {
        name,
        level,
        message: `${place.url} (${status.version}) is ${state}.`,
        advice: "Look again in a moment.",
      },
      clockFinding(status, terminal.nowMs()),
      ...(status.ready ? await gpuFindings(client) : []),
      ...status.warnings.map((message) => ({ name, level: "warn", message, advice: "" }) as const),
    ]
  } catch (error) {
    const { message, hints } = explainError(error, placeOf(terminal))
    const isAbsent = error instanceof CliError && error.exitCode === exitCodes.notReachable
    const isAway = error instanceof BerthError && isUnreachable(error)
    return [{ name, level: isAbsent || isAway ? "warn" : "fail", message, advice: hints.join(" ") }]
  }
}

const gpuRequests = "gpu requests"
const mostNamed = 5

/** Requests that wait for what will never come, as far as the caller sees them. */
async function gpuFindings(client: BerthClient): Promise<readonly Finding[]> {
  const { items } = await client.berth.gpuQueue({ limit: 1000 }, { timeoutMs: 5000 })
  if (items.length === 0) return []
  const hopeless = items.filter(({ reasons }) => reasons[0]?.code === "cannot_be_met").map(({ id }) => id)
  if (hopeless.length === 0)
    return [
      {
        name: gpuRequests,
        level: "ok",
        message: `Waiting for nodes: ${count(items.length, "GPU request")}.`,
        advice: "",
      },
    ]
  const named = hopeless.slice(0, mostNamed).join(", ")
  const more = hopeless.length > mostNamed ? ` and ${hopeless.length - mostNamed} more` : ""
  const advice = `\`berth why ${hopeless[0]}\` says what comes nearest; \`berth gpus cancel\` takes one out of the queue.`
  return [{ name: gpuRequests, level: "warn", message: `No node will ever do for ${named}${more}.`, advice }]
}

const mostSkewMs = 3000

/** The server's clock against this one, to the second. */
function clockFinding(status: { startedAt: string; uptimeSeconds: number }, nowMs: number): Finding {
  const skewMs = Date.parse(status.startedAt) + status.uptimeSeconds * 1000 - nowMs
  const isClose = Math.abs(skewMs) <= mostSkewMs
  return {
    name: "clock",
    level: isClose ? "ok" : "warn",
    message: isClose
      ? "This machine and the server agree on the time."
      : `The server's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? "ahead of" : "behind"} this machine's, or was set since it started.`,
    advice: "Keep both with NTP; ages and times that are shown are off by as much.",
  }
}
