import { expect, it } from "vitest"
import { plainRayFault } from "./ray-fault.ts"

it.each([
  ["Workload w-1 not found.", "Workload w-1 not found."],
  ["Deploying failed: no: really", "Deploying failed: no: really"],
  [
    'Internal Server Error: Create compute template failed.: InternalServerError: Failed to create a compute runtime for (nope/small): namespaces "nope" not found',
    "Namespace nope not found, or you have no role in its workspace.",
  ],
  [
    "Internal Server Error: Create Cluster failed.: InternalServerError: Failed to populate compute template for (default/t): Cannot get compute template for name 'nope' in namespace 'default', error: NotFoundError: Compute template nope not found: configmaps \"nope\" not found",
    "Compute template nope not found in namespace default.",
  ],
  [
    'Compute template nope not found: Get compute template failure: NotFoundError: Compute template nope not found: configmaps "nope" not found',
    "Compute template nope not found",
  ],
  [
    "Cluster name is empty. Please specify a valid value.: Validate create cluster request failed.: Invalid input error: Cluster name is empty. Please specify a valid value.",
    "Cluster name is empty. Please specify a valid value.",
  ],
  [
    'Internal Server Error: Create Cluster failed.: InternalServerError: Failed to create a cluster for (default/c): RayCluster.ray.io "c" is invalid: metadata.labels: Invalid value: "a@b": no',
    'RayCluster.ray.io "c" is invalid: metadata.labels: Invalid value: "a@b": no',
  ],
])("%s", (message, plain) => {
  expect(plainRayFault(message)).toBe(plain)
})
