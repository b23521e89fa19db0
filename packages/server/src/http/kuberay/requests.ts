import type { KuberayRouteName, kuberayRoutes } from "@berth/contract/kuberay"
import type { MessageShape } from "@bufbuild/protobuf"
import type { Principal } from "../../domain/identity/index.ts"
import type { Subject } from "./faults.ts"

type Routes = typeof kuberayRoutes
export type RequestOf<Name extends KuberayRouteName> = MessageShape<Routes[Name]["rpc"]["input"]>
export type AnswerOf<Name extends KuberayRouteName> = MessageShape<Routes[Name]["rpc"]["output"]>

/** One operation, for whichever transport brought the request. */
export type RayHandler<Name extends KuberayRouteName> = (
  principal: Principal,
  request: RequestOf<Name>,
) => Promise<AnswerOf<Name>>
export type RayHandlers<Names extends KuberayRouteName = KuberayRouteName> = {
  readonly [Name in Names]: RayHandler<Name>
}

/** What requests have of these. */
interface Named {
  readonly namespace?: string
  readonly name?: string
  readonly clustername?: string
  readonly submissionid?: string
  readonly computeTemplate?: { readonly name: string }
  readonly cluster?: WithSpec
  readonly job?: WithSpec & { readonly jobId: string }
  readonly service?: WithSpec
  readonly jobsubmission?: { readonly submissionId: string }
}
interface WithSpec {
  readonly name: string
  readonly clusterSpec?: { readonly headGroupSpec?: { readonly computeTemplate: string } }
}

/** What a request is about. */
export function subjectOf(request: object): Subject {
  const named: Named = request
  const { namespace = "", job } = named
  const name = nameOf(named)
  return { namespace, name, madeAs: job?.jobId ?? name, template: templateOf(named) }
}

function nameOf({ name, submissionid, clustername, ...bodies }: Named): string {
  const { cluster, job, service, computeTemplate, jobsubmission } = bodies
  const body = (cluster ?? job ?? service ?? computeTemplate)?.name ?? jobsubmission?.submissionId
  return body ?? name ?? submissionid ?? clustername ?? ""
}

function templateOf({ cluster, job, service }: Named): string {
  return (cluster ?? job ?? service)?.clusterSpec?.headGroupSpec?.computeTemplate ?? ""
}
