const askFor = "Please specify a valid value."
const imagePolicy = "unsupported value for Image pull policy. Please specify Always or IfNotPresent"

/** What a request is refused with before anything is looked up, in the words of the published server. */
export const faultTexts = {
  noNamespace: `Namespace is empty. ${askFor}`,

  noTemplate: "Compute template is empty, please input a valid payload.",
  otherTemplateNamespace:
    "The namespace in the request is different from the namespace defined in the compute template.",
  noTemplateName: `Compute template name is empty. ${askFor}`,
  noCpu: `Cpu amount is zero. ${askFor}`,
  noMemory: `Memory amount is zero. ${askFor}`,

  noCluster: "Cluster is empty, please input a valid payload.",
  otherClusterNamespace:
    "The namespace in the request is different from the namespace in the cluster definition.",
  noClusterName: `Cluster name is empty. ${askFor}`,
  noClusterUser: `User who create the cluster is empty. ${askFor}`,

  noJob: "Job is empty, please input a valid payload.",
  otherJobNamespace: "The namespace in the request is different from the namespace in the job definition.",
  noJobName: `Job name is empty. ${askFor}`,
  noJobUser: `User who create the job is empty. ${askFor}`,
  noNameOfJob: `job name is empty. ${askFor}`,
  noNamespaceOfJob: `job namespace is empty. ${askFor}`,

  noService: "Service is empty, please input a valid payload.",
  noUpdatedName: `Name is empty. ${askFor}`,
  otherServiceNamespace:
    "The namespace in the request is different from the namespace in the service definition.",
  noServiceName: `Service name is empty. ${askFor}`,
  noServiceUser: `User who created the Service is empty. ${askFor}`,
  noUpdatingUser: `User who updated the Service is empty. ${askFor}`,
  noNameOfService: `ray service name is empty. ${askFor}`,
  noNamespaceOfService: `ray service namespace is empty. ${askFor}`,

  noSubmission: "Job submission is empty, please input a valid payload.",

  noSpec: "A ClusterSpec object is required. Please specify one.",
  noHead: "Cluster Spec Object requires HeadGroupSpec to be populated. Please specify one.",
  noHeadTemplate: `HeadGroupSpec compute template is empty. ${askFor}`,
  noHeadParams: "HeadGroupSpec RayStartParams is empty. Please specify values.",
  headImagePolicy: `HeadGroupSpec ${imagePolicy}`,
  workerImagePolicy: `Worker GroupSpec ${imagePolicy}`,
} as const

/** Faults of a group of workers; `index` from 0. */
export const workerFaultTexts = {
  noGroupName: (index: number) => `WorkerNodeSpec ${index} group name is empty. ${askFor}`,
  noTemplate: (index: number) => `WorkerNodeSpec ${index} compute template is empty. ${askFor}`,
  noMaxReplicas: (index: number) => `WorkerNodeSpec ${index} MaxReplicas can not be 0. ${askFor}`,
  minAboveMax: (index: number) => `WorkerNodeSpec ${index} MinReplica > MaxReplicas. ${askFor}`,
} as const
