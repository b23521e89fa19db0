import type { RayClusterDetail } from "@berth/contract/berth"
import type { RayJob, RayService } from "@berth/contract/kuberay"
import { CliError, usageError } from "./cli-error.ts"
import type { RaySession } from "./ray-place.ts"
import { whereFlag } from "./ray-place.ts"
import { isStatus } from "./ray-templates.ts"

/** What people name by its name alone. */
export type RayFound =
  | { readonly kind: "cluster"; readonly name: string; readonly cluster: RayClusterDetail }
  | { readonly kind: "job"; readonly name: string; readonly job: RayJob }
  | { readonly kind: "service"; readonly name: string; readonly service: RayService }
export type RayKind = RayFound["kind"]

export const rayKinds: readonly RayKind[] = ["cluster", "job", "service"]

/**
 * The one thing of that name in the session's namespace.
 * @param said a kind as typed, where several have the name
 * @throws CliError for a kind that does not exist, for nothing of that name, and for several; BerthError
 */
export async function findRay(
  session: RaySession,
  name: string,
  said: string | undefined,
): Promise<RayFound> {
  const kinds = said === undefined ? rayKinds : [readKind(said)]
  const found = (await Promise.all(kinds.map((kind) => look(session, kind, name)))).filter(
    (one) => one !== null,
  )
  const [first, second] = found
  if (!first) throw notFound(session, name, said)
  if (!second) return first
  throw usageError(
    `${name} is the name of a ${found.map(({ kind }) => kind).join(" and of a ")}.`,
    `Say which one: --kind ${kinds.join("|")}`,
  )
}

function readKind(text: string): RayKind {
  const kind = rayKinds.find((known) => known === text)
  if (kind === undefined) throw usageError(`--kind takes ${rayKinds.join(", ")}, not "${text}".`)
  return kind
}

async function look(session: RaySession, kind: RayKind, name: string): Promise<RayFound | null> {
  try {
    return await get(session, kind, name)
  } catch (error) {
    if (isStatus(error, 404)) return null
    throw error
  }
}

async function get({ client, namespace }: RaySession, kind: RayKind, name: string): Promise<RayFound> {
  switch (kind) {
    case "cluster":
      return { kind, name, cluster: await client.berth.rayCluster(namespace, name) }
    case "job":
      return { kind, name, job: await client.kuberay.getRayJob({ namespace, name }) }
    case "service":
      return { kind, name, service: await client.kuberay.getRayService({ namespace, name }) }
  }
}

function notFound(session: RaySession, name: string, said: string | undefined): CliError {
  const what = said === undefined ? "Nothing of Ray" : `No Ray ${said}`
  return new CliError(
    `${what} is called ${name} in ${session.namespace}.`,
    `\`berth ray ls${whereFlag(session)}\` lists what there is; -w WORKSPACE looks elsewhere.`,
  )
}
