import {
  ListAllRayJobsResponseSchema,
  ListRayJobsResponseSchema,
  RayJobSchema,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import { EmptySchema } from "@bufbuild/protobuf/wkt"
import type { Principal } from "../../domain/identity/index.ts"
import type { RayJob, RayObjects } from "../../domain/ray/index.ts"
import { mapInTurns } from "../../kit/in-turns.ts"
import { jobFrom, wireJobOf } from "./map-jobs.ts"
import { pageOf, tokenOf, type ListPlace } from "./paging.ts"
import type { RayHandlers } from "./requests.ts"
import { showFor } from "./shown-values.ts"

/** Jobs with clusters of their own, or on clusters that they select. */
export function jobHandlers({
  jobs,
}: Pick<RayObjects, "jobs">): RayHandlers<
  "createRayJob" | "getRayJob" | "listRayJobs" | "listAllRayJobs" | "deleteRayJob"
> {
  async function list(principal: Principal, namespace: string | null, limit: bigint, token: string) {
    const place: ListPlace = { list: "jobs", namespace }
    const { items, next } = await jobs.page(principal, namespace, pageOf(place, Number(limit), token))
    return { jobs: await mapInTurns(items, (job) => shown(principal, job)), continue: tokenOf(place, next) }
  }
  return {
    async createRayJob(principal, { namespace, job }) {
      const wanted = jobFrom(job ?? create(RayJobSchema), namespace)
      return shown(principal, await jobs.create(principal, wanted))
    },
    async getRayJob(principal, { namespace, name }) {
      return shown(principal, await jobs.get(principal, { namespace, name }))
    },
    async listRayJobs(principal, { namespace, limit, continue: token }) {
      return create(ListRayJobsResponseSchema, await list(principal, namespace, limit, token))
    },
    async listAllRayJobs(principal, { limit, continue: token }) {
      return create(ListAllRayJobsResponseSchema, await list(principal, null, limit, token))
    },
    async deleteRayJob(principal, { namespace, name }) {
      await jobs.delete(principal, { namespace, name })
      return create(EmptySchema)
    },
  }
}

function shown(principal: Principal, job: RayJob) {
  return wireJobOf(job, showFor(principal, job))
}
