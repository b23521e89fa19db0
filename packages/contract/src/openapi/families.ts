import * as berth from "../berth/index.ts"
import * as egs from "../egs/index.ts"
import * as workloads from "../workloads/index.ts"
import { anywhere, type ApiFamily } from "./family.ts"
import { kuberayFamily } from "./kuberay-family.ts"
import { servicesFamily } from "./services-family.ts"

const workloadsFamily: ApiFamily = {
  name: "workloads",
  title: "Workload API",
  description: `Submit, watch, change and stop jobs and applications: the Workload API of Primus-SaFE.

Success is always 200. Bodies are read as the documented server reads them: any content type, unknown members ignored,
null the same as absent, names match exactly, no conversion of types. Quantities are written as Kubernetes writes them
(\`500m\`, \`128Gi\`). Instants in answers are UTC without a zone (\`2026-01-31T08:15:00\`), "" when unset.
Everything else below \`/api/v1\`, a wrong method too, is a 404 with \`Primus.00005\`.
${anywhere}`,
  routes: Object.entries(workloads.workloadRoutes).map(
    ([name, route]: [string, workloads.RouteDocument]) => ({
      ...route,
      id: `workloads.${name}`,
      tag: "workloads",
      path: workloads.basePath + route.url,
      isBodyRequired: route.body !== undefined,
      status: 200,
    }),
  ),
  schemas: workloads,
  errorSchema: workloads.ErrorSchema,
  refusals: workloads.refusals,
  params: workloads.pathParameters,
}

const egsFamily: ApiFamily = {
  name: "egs",
  title: "EGS API",
  description: `GPUs for a length of time: the API of the Elastic GPU Service.

Success is always 200 and an envelope: \`statusCode\`, \`status\`, \`message\`, \`data\`. Bodies are read as JSON whatever
their content type, on GET and DELETE too, where the query may say the same; above 256 KiB they are a 413. null and ""
of what is optional are the same as absent, numbers may stand as text, unknown members are ignored. What breaks a rule
is a 422 that names the first fault, what is no JSON a 400. With \`egs.dialect: upstream\` refusals and states are worded as the documented server's
own wire has them (\`UNKNOWN\`, \`Successful\`). A path that is not known, or not with this method, is a 404.
${anywhere}`,
  routes: Object.entries(egs.egsRoutes).map(([name, route]: [string, egs.EgsRoute]) => ({
    ...route,
    id: `egs.${name}`,
    isBodyRequired: route.body !== undefined,
    status: 200,
  })),
  schemas: egs,
  errorSchema: egs.ErrorSchema,
  refusals: egs.refusals,
  params: {},
}

const berthFamily: ApiFamily = {
  name: "berth",
  title: "Berth API",
  description: `What the published APIs lack: nodes, workspaces, users, keys, queues, explanations, events, logs as streams.

JSON in camelCase; instants are RFC 3339 in UTC, lengths in seconds, amounts numbers with their unit in the name. Lists
take \`limit\` and \`cursor\` and answer \`items\` and \`nextCursor\`. A body or a query with a member that is not known is
refused. A method that a path does not have is a 405 with \`Allow\`.

Any request to \`/berth/v1/ray/clusters/{namespace}/{name}/dashboard/…\` goes on to the HTTP API of that Ray cluster,
as Ray documents it: for Viewers GET, HEAD and WebSockets, for Editors any method; bodies up to 512 MiB. A cluster that
is not ready is a 409.
${anywhere}`,
  routes: [...Object.entries(berth.berthRoutes), ...Object.entries(berth.probeRoutes)].map(
    ([name, route]: [string, berth.BerthRoute]) => ({
      ...route,
      id: name,
      tag: berthTag(route.path),
      isBodyRequired: false,
    }),
  ),
  schemas: berth,
  errorSchema: berth.ErrorBody,
  refusals: berth.refusals,
  params: berth.pathParameters,
}

/** `/berth/v1/nodes/:name` → `nodes`; the rest is about the server. */
function berthTag(path: string): string {
  const step = path.split("/")[3]
  return step === undefined || ["status", "server", "openapi", "openapi.json"].includes(step)
    ? "server"
    : step
}

/** Every published API, by name. */
export const apiFamilies = {
  workloads: workloadsFamily,
  egs: egsFamily,
  kuberay: kuberayFamily,
  services: servicesFamily,
  berth: berthFamily,
} as const satisfies Readonly<Record<string, ApiFamily>>
export type ApiFamilyName = keyof typeof apiFamilies
