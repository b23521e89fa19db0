import type { Cluster } from "@berth/contract/kuberay"
import { Cluster_Environment } from "@berth/contract/kuberay"
import { awaitCluster } from "../await-ray.ts"
import { CliError, usageError } from "../cli-error.ts"
import { exitCodes } from "../exit-codes.ts"
import { untilDetached } from "../follow-workload.ts"
import { writeFacts, writeValue } from "../output.ts"
import { clusterFacts } from "../ray-addresses.ts"
import { readCluster } from "../ray-body.ts"
import type { RaySession } from "../ray-place.ts"
import { checkName, connectRay, whereFlag } from "../ray-place.ts"
import type { RayShapeOptions } from "../ray-shape.ts"
import { readShape, saysShape, specFor } from "../ray-shape.ts"
import { isStatus } from "../ray-templates.ts"
import { rayUser } from "../ray-user.ts"
import type { Terminal } from "../terminal.ts"
import { readEnv } from "../work-request.ts"

export interface RayUpOptions extends RayShapeOptions {
  readonly env?: readonly string[]
  readonly environment?: string
  readonly file?: string
  readonly detach?: boolean
}

/** `berth ray up`: makes a cluster, says what it waits for, and where it is reached once it is ready. */
export async function rayUp(
  terminal: Terminal,
  name: string | undefined,
  options: RayUpOptions,
): Promise<number> {
  const session = await connectRay(terminal, options)
  const cluster = await clusterFor(session, name, options)
  await create(session, cluster)
  if (options.detach) return tellName(session, cluster.name)
  terminal.err(`The Ray cluster ${cluster.name} is made in ${session.namespace}.\n`)
  const where = whereFlag(session)
  return untilDetached(session, cluster.name, (signal) => untilReady(session, cluster.name, signal), [
    ["look at it", `berth ray status ${cluster.name}${where}`],
    ["end it", `berth ray rm ${cluster.name}${where}`],
  ])
}

type AskedCluster = Pick<Cluster, "name"> &
  Parameters<RaySession["client"]["kuberay"]["createCluster"]>[0]["cluster"]

/** @throws CliError for what cannot be meant */
async function clusterFor(
  session: RaySession,
  name: string | undefined,
  options: RayUpOptions,
): Promise<AskedCluster> {
  const { namespace } = session
  if (options.file !== undefined) return clusterOfFile(session, name, options.file, options)
  if (name === undefined) throw usageError("Give it a name.", "For example: berth ray up demo")
  checkName(name)
  const shape = readShape(options)
  const { version } = shape
  const environment = readEnvironment(options.environment)
  const values = readEnv(options.env ?? [], session.terminal)
  const user = await rayUser(session)
  const clusterSpec = await specFor(session, shape)
  return { name, namespace, user, version, environment, envs: { values }, clusterSpec }
}

async function clusterOfFile(
  session: RaySession,
  name: string | undefined,
  file: string,
  options: RayUpOptions,
): Promise<AskedCluster> {
  if (saysShape(options) || options.env || options.environment !== undefined)
    throw usageError("-f says what the cluster is like: leave out the flags that say it too.")
  const body = await readCluster(session.terminal, file)
  const named = name ?? body.name
  if (named === "") throw usageError(`Give it a name: ${file} has none.`)
  const user = body.user || (await rayUser(session))
  return { ...body, name: named, namespace: session.namespace, user }
}

function readEnvironment(text: string | undefined): Cluster_Environment {
  const names: Readonly<Record<string, Cluster_Environment>> = {
    DEV: Cluster_Environment.DEV,
    TESTING: Cluster_Environment.TESTING,
    STAGING: Cluster_Environment.STAGING,
    PRODUCTION: Cluster_Environment.PRODUCTION,
  }
  const found = names[(text ?? "DEV").toUpperCase()]
  if (found === undefined)
    throw usageError(`--environment takes ${Object.keys(names).join(", ")}, not "${text}".`)
  return found
}

async function create(session: RaySession, cluster: AskedCluster): Promise<void> {
  const { client, namespace } = session
  try {
    await client.kuberay.createCluster({ namespace, cluster })
  } catch (error) {
    if (!isStatus(error, 409) || error.code !== "already_exists") throw error
    const where = whereFlag(session)
    throw new CliError(
      `There is a Ray cluster ${cluster.name} in ${namespace} already.`,
      `Look at it: berth ray status ${cluster.name}${where}. End it: berth ray rm ${cluster.name}${where}`,
    )
  }
}

async function untilReady(session: RaySession, name: string, signal: AbortSignal): Promise<number> {
  const cluster = await awaitCluster(session, name, signal)
  session.terminal.err(`${name} is ready.\n`)
  await writeFacts(session.terminal, session.form, cluster, clusterFacts(session, cluster))
  return exitCodes.ok
}

async function tellName(session: RaySession, name: string): Promise<number> {
  const { terminal, form, client, namespace } = session
  if (form === "table") terminal.out(`${name}\n`)
  else await writeValue(terminal, form, await client.berth.rayCluster(namespace, name))
  return exitCodes.ok
}
