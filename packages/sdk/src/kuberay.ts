import type { KuberayAnswer, KuberayRequest, KuberayRouteName } from "@berth/contract/kuberay"
import { answerFrom, httpRequestOf, kuberayRoutes } from "@berth/contract/kuberay"
import { BerthError } from "./errors.ts"
import type { CallOptions, Transport } from "./http.ts"
import { path } from "./http.ts"

/**
 * The KubeRay API, V1: one method a route, with the published messages. What a request leaves out is empty; 64-bit
 * numbers are bigint, times `{ seconds, nanos }`. All throw BerthError; its `code` is gRPC's word: `not_found`, ….
 */
export type KuberayClient = {
  readonly [Name in KuberayRouteName]: (
    request: KuberayRequest<Name>,
    options?: CallOptions,
  ) => Promise<KuberayAnswer<Name>>
}

/** The KubeRay API over a transport. */
export function createKuberayClient(http: Transport): KuberayClient {
  const call =
    <Name extends KuberayRouteName>(name: Name) =>
    async (request: KuberayRequest<Name>, options: CallOptions = {}): Promise<KuberayAnswer<Name>> => {
      const { body, ...sent } = httpRequestOf(name, request, (value) => path`${value}`)
      const json = body === undefined ? {} : { body: JSON.parse(body) as unknown }
      const answer = answerFrom(name, await http.text({ ...sent, ...json, ...options }))
      if (answer.ok) return answer.value
      throw new BerthError(`The answer cannot be read: ${answer.fault}.`, { status: 0, code: "broken" })
    }
  const names = Object.keys(kuberayRoutes) as KuberayRouteName[]
  return Object.fromEntries(names.map((name) => [name, call(name)])) as KuberayClient
}
