import type { RayService } from "@berth/contract/kuberay"
import { ClusterSpecSchema } from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import { awaitService, timesGiven } from "../await-ray-service.ts"
import { usageError } from "../cli-error.ts"
import { exitCodes } from "../exit-codes.ts"
import { untilDetached } from "../follow-workload.ts"
import { writeFacts, writeValue } from "../output.ts"
import { directUrl } from "../ray-addresses.ts"
import { readText } from "../ray-body.ts"
import type { RaySession } from "../ray-place.ts"
import { checkName, connectRay, serviceValue, whereFlag } from "../ray-place.ts"
import type { ServeApplicationFact } from "../ray-serve-config.ts"
import { readServeConfig } from "../ray-serve-config.ts"
import type { RayShapeOptions } from "../ray-shape.ts"
import { readShape, saysShape, specFor } from "../ray-shape.ts"
import { applicationFault, serviceFault } from "../ray-service-faults.ts"
import { isStatus } from "../ray-templates.ts"
import { rayUser } from "../ray-user.ts"
import { registerServed } from "../register-served.ts"
import type { Terminal } from "../terminal.ts"

export interface RayServeOptions extends RayShapeOptions {
  readonly file?: string
  readonly register?: boolean
  readonly detach?: boolean
}

/** `berth ray serve`: makes a service from a Serve configuration, or gives it another one, and waits until it serves. */
export async function rayServe(terminal: Terminal, name: string, options: RayServeOptions): Promise<number> {
  if (options.file === undefined)
    throw usageError("Say what to serve: -f serve.yaml.", "For example: berth ray serve web -f serve.yaml")
  const text = await readText(terminal, "-f", options.file)
  const applications = await readServeConfig(options.file, text)
  const session = await connectRay(terminal, options)
  const before = await serviceOrNull(session, name)
  const names = applications.map((one) => one.name)
  const faultsBefore = before === null ? [] : await faultsOf(session, before, names)
  await (before === null ? make(session, name, text, options) : change(session, before, text, options))
  const isUpdate = before !== null
  if (!options.detach)
    terminal.err(`The Ray service ${name} of ${session.namespace} is ${isUpdate ? "changed" : "made"}.\n`)
  if (options.register) await registerServed(session, { rayService: `${session.namespace}/${name}` })
  if (options.detach) return tellName(session, name)
  const givenBefore = before === null || before.serveConfigV2 === text ? null : timesGiven(before)
  const wanted = { name, applications: names, isUpdate, givenBefore, faultsBefore }
  const where = whereFlag(session)
  const follow = async (signal: AbortSignal) => {
    const service = await awaitService(session, wanted, signal)
    await tellServing(session, service, applications)
    return exitCodes.ok
  }
  return untilDetached(session, name, follow, [
    ["look at it", `berth ray status ${name}${where}`],
    ["end it", `berth ray rm ${name}${where}`],
  ])
}

async function faultsOf(session: RaySession, service: RayService, applications: readonly string[]) {
  const faults = [applicationFault(service, applications), await serviceFault(session, service.name)]
  return faults.filter((fault) => fault !== null)
}

async function serviceOrNull({ client, namespace }: RaySession, name: string): Promise<RayService | null> {
  try {
    return await client.kuberay.getRayService({ namespace, name })
  } catch (error) {
    if (isStatus(error, 404)) return null
    throw error
  }
}

async function make(
  session: RaySession,
  name: string,
  serveConfigV2: string,
  options: RayServeOptions,
): Promise<void> {
  const { client, namespace } = session
  checkName(name)
  const shape = readShape(options)
  const { version } = shape
  const user = await rayUser(session)
  const clusterSpec = await specFor(session, shape)
  const service = { name, namespace, user, version, serveConfigV2, clusterSpec }
  await client.kuberay.createRayService({ namespace, service })
}

/** The API replaces everything: what is not said stays as it is. */
async function change(
  session: RaySession,
  before: RayService,
  serveConfigV2: string,
  options: RayServeOptions,
): Promise<void> {
  const { client, namespace } = session
  const { name } = before
  const { rayServiceStatus: _status, createdAt: _created, deleteAt: _deleted, ...same } = before
  const service = { ...same, serveConfigV2 }
  const changed = saysShape(options) ? await reshaped(session, service, options) : service
  await client.kuberay.updateRayService({ namespace, name, service: changed })
}

async function reshaped(
  session: RaySession,
  service: Omit<RayService, "rayServiceStatus">,
  options: RayServeOptions,
) {
  const shape = readShape(options)
  const version = options.version === undefined ? service.version : shape.version
  return { ...service, version, clusterSpec: create(ClusterSpecSchema, await specFor(session, shape)) }
}

async function tellServing(
  session: RaySession,
  service: RayService,
  applications: readonly ServeApplicationFact[],
): Promise<void> {
  const { terminal, form } = session
  const { name, rayServiceStatus: status } = service
  const port = status?.serviceEndpoint["serve"]
  const url = directUrl(session, port)
  const where = whereFlag(session)
  terminal.err(`${name} serves.\n`)
  const addresses = applications.map(
    ({ name: app, prefix }) => [app, url === null ? `port ${port ?? "-"}, ${prefix}` : url + prefix] as const,
  )
  const [first] = addresses
  await writeFacts(terminal, form, serviceValue(service), [
    ...addresses,
    ...(url === null || !first ? [] : [["try it", `curl ${first[1]}`] as const]),
    ["look", `berth ray status ${name}${where}`],
    ["end", `berth ray rm ${name}${where}`],
  ])
}

async function tellName(session: RaySession, name: string): Promise<number> {
  const { terminal, form, client, namespace } = session
  if (form === "table") terminal.out(`${name}\n`)
  else await writeValue(terminal, form, serviceValue(await client.kuberay.getRayService({ namespace, name })))
  return exitCodes.ok
}
