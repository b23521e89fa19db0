import type { RayCluster } from "./types.ts"

/** What of a cluster's row its maker says: who wants it, what it is, and what it was made for. */
export type NewClusterRow = Pick<
  RayCluster,
  | "key"
  | "namespace"
  | "name"
  | "workspaceId"
  | "userId"
  | "asServerOwner"
  | "user"
  | "rayVersion"
  | "environment"
  | "annotations"
  | "spec"
  | "serves"
  | "parent"
  | "createdAtMs"
>

/** The row of a cluster that nothing was done for yet: it waits, and has neither place nor head. */
export function freshCluster(made: NewClusterRow): RayCluster {
  return {
    ...made,
    clusterId: null,
    state: "waiting",
    suspended: false,
    suspensions: 0,
    message: "",
    runtime: null,
    address: null,
    sealedToken: null,
    gangClaimId: null,
    headFailures: 0,
    readyAtMs: null,
    retryAtMs: null,
    endedAtMs: null,
    version: 1,
  }
}
