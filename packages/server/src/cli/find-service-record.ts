import { type BerthClient, collect } from "@berth/sdk"
import { CliError } from "./cli-error.ts"

const uuid = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/**
 * The id of a service record: what looks like one is taken as it is, so that a script needs no look; everything else is
 * a name, which must be that of one record alone.
 * @param workspace only of this one; absent = of all that the caller may see
 * @throws CliError for a name of none, or of several, whose ids it says
 */
export async function findServiceRecord(
  { berth }: BerthClient,
  idOrName: string,
  workspace: string | undefined,
): Promise<string> {
  if (uuid.test(idOrName)) return idOrName
  const scope = workspace === undefined ? {} : { workspace }
  const alike = await collect((page) => berth.services({ name: idOrName, ...scope, ...page }))
  const records = alike.filter((one) => one.name === idOrName)
  const [only, another] = records
  if (only === undefined)
    throw new CliError(
      `No service record is named ${idOrName}.`,
      "`berth services ls` shows the records and their ids.",
    )
  if (another !== undefined)
    throw new CliError(
      `${records.length} service records are named ${idOrName}: ${records.map((one) => `${one.id} in ${one.workspaceId}`).join(", ")}.`,
      workspace === undefined
        ? "Give the id of the one you mean, or its workspace with -w."
        : "Give the id of the one you mean.",
    )
  return only.id
}
