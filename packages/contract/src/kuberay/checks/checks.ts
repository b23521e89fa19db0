import type { MessageShape } from "@bufbuild/protobuf"
import type { KuberayRouteName, kuberayRoutes } from "../routes.ts"
import { specFault } from "./spec.ts"
import { faultTexts } from "./texts.ts"

type RequestOf<Name extends KuberayRouteName> = MessageShape<(typeof kuberayRoutes)[Name]["rpc"]["input"]>
type Checks = {
  readonly [Name in KuberayRouteName]: (request: RequestOf<Name>) => string | undefined
}

interface Named {
  readonly name: string
  readonly namespace: string
}

const templateNamed = ({ name, namespace }: Named): string | undefined =>
  missing(name, faultTexts.noTemplateName) ?? missing(namespace, faultTexts.noNamespace)
const clusterNamed = ({ name, namespace }: Named): string | undefined =>
  missing(name, faultTexts.noClusterName) ?? missing(namespace, faultTexts.noNamespace)
const jobNamed = ({ name, namespace }: Named): string | undefined =>
  missing(name, faultTexts.noNameOfJob) ?? missing(namespace, faultTexts.noNamespaceOfJob)
const serviceNamed = ({ name, namespace }: Named): string | undefined =>
  missing(name, faultTexts.noNameOfService) ?? missing(namespace, faultTexts.noNamespaceOfService)
/** A call to a cluster's jobs looks the cluster up first. */
const onCluster = (request: { clustername: string; namespace: string }): string | undefined =>
  clusterNamed({ name: request.clustername, namespace: request.namespace })
const inNamespace = ({ namespace }: { namespace: string }): string | undefined =>
  missing(namespace, faultTexts.noNamespace)
const nothing = (): undefined => undefined

const checks: Checks = {
  createComputeTemplate: templateFault,
  getComputeTemplate: templateNamed,
  listComputeTemplates: inNamespace,
  listAllComputeTemplates: nothing,
  deleteComputeTemplate: templateNamed,

  createCluster: clusterFault,
  getCluster: clusterNamed,
  listCluster: inNamespace,
  listAllClusters: nothing,
  deleteCluster: clusterNamed,

  createRayJob: jobFault,
  getRayJob: jobNamed,
  listRayJobs: ({ namespace }) => missing(namespace, faultTexts.noNamespaceOfJob),
  listAllRayJobs: nothing,
  deleteRayJob: jobNamed,

  createRayService: (request) => serviceFault(request, faultTexts.noServiceUser),
  updateRayService: (request) =>
    missing(request.name, faultTexts.noUpdatedName) ?? serviceFault(request, faultTexts.noUpdatingUser),
  getRayService: serviceNamed,
  listRayServices: ({ namespace }) => missing(namespace, faultTexts.noNamespaceOfService),
  listAllRayServices: nothing,
  deleteRayService: serviceNamed,

  submitRayJob: (request) =>
    onCluster(request) ?? (request.jobsubmission ? undefined : faultTexts.noSubmission),
  getJobDetails: onCluster,
  getJobLog: onCluster,
  listJobDetails: onCluster,
  stopJobSubmission: onCluster,
  deleteJobSubmission: onCluster,
}

/**
 * The first fault of a request that can be told without looking anything up, in the words of the published server;
 * undefined: none.
 */
export function requestFault<Name extends KuberayRouteName>(
  name: Name,
  request: RequestOf<Name>,
): string | undefined {
  return checks[name](request)
}

function missing(value: string, text: string): string | undefined {
  return value === "" ? text : undefined
}

function templateFault(request: RequestOf<"createComputeTemplate">): string | undefined {
  const { namespace, computeTemplate: template } = request
  if (namespace === "") return faultTexts.noNamespace
  if (!template) return faultTexts.noTemplate
  if (template.namespace !== namespace) return faultTexts.otherTemplateNamespace
  if (template.name === "") return faultTexts.noTemplateName
  if (template.cpu === 0) return faultTexts.noCpu
  return template.memory === 0 ? faultTexts.noMemory : undefined
}

function clusterFault({ namespace, cluster }: RequestOf<"createCluster">): string | undefined {
  if (namespace === "") return faultTexts.noNamespace
  if (!cluster) return faultTexts.noCluster
  if (cluster.namespace !== namespace) return faultTexts.otherClusterNamespace
  if (cluster.name === "") return faultTexts.noClusterName
  return missing(cluster.user, faultTexts.noClusterUser) ?? specFault(cluster.clusterSpec)
}

/** One that chooses a cluster which is there needs no spec, and a spec beside is not looked at. */
function jobFault({ namespace, job }: RequestOf<"createRayJob">): string | undefined {
  if (namespace === "") return faultTexts.noNamespace
  if (!job) return faultTexts.noJob
  if (job.namespace !== namespace) return faultTexts.otherJobNamespace
  if (job.name === "") return faultTexts.noJobName
  if (job.user === "") return faultTexts.noJobUser
  return Object.keys(job.clusterSelector).length > 0 ? undefined : specFault(job.clusterSpec)
}

function serviceFault(
  { namespace, service }: RequestOf<"createRayService" | "updateRayService">,
  noUser: string,
): string | undefined {
  if (namespace === "") return faultTexts.noNamespace
  if (!service) return faultTexts.noService
  if (service.namespace !== namespace) return faultTexts.otherServiceNamespace
  if (service.name === "") return faultTexts.noServiceName
  return missing(service.user, noUser) ?? specFault(service.clusterSpec)
}
