import { CliError } from "../cli-error.ts"
import { writeFacts } from "../output.ts"
import { directUrl } from "../ray-addresses.ts"
import type { RayOptions } from "../ray-place.ts"
import { connectRay, whereFlag } from "../ray-place.ts"
import type { Terminal } from "../terminal.ts"

/** `berth ray dashboard`: where a cluster's own HTTP API is, and how Ray's tools reach it. */
export async function rayDashboard(terminal: Terminal, name: string, options: RayOptions): Promise<void> {
  const session = await connectRay(terminal, options)
  const { client, namespace, form } = session
  const { state, endpoints } = await client.berth.rayCluster(namespace, name)
  if (state !== "ready")
    throw new CliError(
      `The Ray cluster ${name} is ${state}, not ready.`,
      `\`berth ray why ${name}${whereFlag(session)}\` says why.`,
    )
  const url = client.berth.rayDashboardUrl(namespace, name)
  const direct = directUrl(session, endpoints["dashboard"])
  const headers = `'{"Authorization": "Bearer '$BERTH_TOKEN'"}'`
  await writeFacts(terminal, form, { url, direct }, [
    ["dashboard", `${url}/`],
    ["try it", `curl -H "Authorization: Bearer $BERTH_TOKEN" ${url}/api/version`],
    [
      "Ray's client",
      `RAY_JOB_HEADERS=${headers} ray job submit --address ${url} --working-dir . -- python main.py`,
    ],
    ...(direct === null
      ? []
      : [["directly", `${direct} (asks for the cluster's token, which Berth's address adds)`] as const]),
    ["BERTH_TOKEN", "is your API key: `berth keys create NAME` makes one"],
  ])
}
