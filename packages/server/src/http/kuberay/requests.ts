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
  const name = bodyNameOf(named) ?? named.name ?? named.submissionid ?? named.clustername ?? ""
  const spec = (named.cluster ?? named.job ?? named.service)?.clusterSpec
  return {
    namespace: named.namespace ?? "",
    name,
    madeAs: named.job?.jobId ?? name,
    template: spec?.headGroupSpec?.computeTemplate ?? "",
  }
}

function bodyNameOf({ cluster, job, service, computeTemplate, jobsubmission }: Named): string | undefined {
  return (cluster ?? job ?? service ?? computeTemplate)?.name ?? jobsubmission?.submissionId
}
