import {
  GetJobLogReplySchema,
  ListJobSubmissionInfoSchema,
  SubmitRayJobReplySchema,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import { EmptySchema } from "@bufbuild/protobuf/wkt"
import type { Principal } from "../../domain/identity/index.ts"
import type { RayName, RayObjects } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import { details } from "./faults.ts"
import { submissionFrom, wireSubmissionOf } from "./map-submissions.ts"
import type { ShowValue } from "./map-spec-out.ts"
import type { RayHandlers } from "./requests.ts"
import { showFor } from "./shown-values.ts"

/** Jobs that are handed to a running cluster. */
export function submissionHandlers({
  clusters,
  submissions,
}: Pick<RayObjects, "clusters" | "submissions">): RayHandlers<
  | "submitRayJob"
  | "getJobDetails"
  | "getJobLog"
  | "listJobDetails"
  | "stopJobSubmission"
  | "deleteJobSubmission"
> {
  async function showIn(principal: Principal, cluster: RayName): Promise<ShowValue> {
    const view = await clusters.get(principal, cluster)
    return showFor(principal, view.cluster)
  }
  return {
    async submitRayJob(principal, { namespace, clustername, jobsubmission }) {
      if (!jobsubmission)
        throw new AppError("invalid", "A job submission is required.", { detail: details.worded })
      const cluster = { namespace, name: clustername }
      const submissionId = await submissions.submit(principal, cluster, submissionFrom(jobsubmission))
      return create(SubmitRayJobReplySchema, { submissionId })
    },
    async getJobDetails(principal, { namespace, clustername, submissionid }) {
      const cluster = { namespace, name: clustername }
      const show = await showIn(principal, cluster)
      return wireSubmissionOf(await submissions.get(principal, cluster, submissionid), show)
    },
    async getJobLog(principal, { namespace, clustername, submissionid }) {
      const cluster = { namespace, name: clustername }
      return create(GetJobLogReplySchema, { log: await submissions.log(principal, cluster, submissionid) })
    },
    async listJobDetails(principal, { namespace, clustername }) {
      const cluster = { namespace, name: clustername }
      const show = await showIn(principal, cluster)
      const found = await submissions.list(principal, cluster)
      return create(ListJobSubmissionInfoSchema, {
        submissions: found.map((info) => wireSubmissionOf(info, show)),
      })
    },
    async stopJobSubmission(principal, { namespace, clustername, submissionid }) {
      await submissions.stop(principal, { namespace, name: clustername }, submissionid)
      return create(EmptySchema)
    },
    async deleteJobSubmission(principal, { namespace, clustername, submissionid }) {
      await submissions.delete(principal, { namespace, name: clustername }, submissionid)
      return create(EmptySchema)
    },
  }
}
